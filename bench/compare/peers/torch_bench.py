"""MemAE in PyTorch, to be timed beside vigil.

  torch_bench.py CONFIG.json

reads the weights and the clip that vigil uses, exports the network for ONNX Runtime, prints its version, and then
answers each line "forward N" or "step N" on stdin with the seconds that N clips took.
"""
import json
import struct
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    def __init__(self, channels, slots, shrink):
        super().__init__()
        a, b, c, d = channels

        def down(i, o, t):
            return [nn.Conv3d(i, o, 3, (t, 2, 2), 1), nn.BatchNorm3d(o), nn.LeakyReLU(0.2)]

        def up(i, o):
            return [nn.ConvTranspose3d(i, o, 3, 2, 1, 1), nn.BatchNorm3d(o), nn.LeakyReLU(0.2)]

        self.encoder = nn.Sequential(*down(1, a, 1), *down(a, b, 2), *down(b, c, 2), *down(c, d, 2))
        self.memory = nn.Parameter(torch.zeros(slots, d))
        self.shrink = shrink
        last = nn.ConvTranspose3d(a, 1, 3, (1, 2, 2), 1, (0, 1, 1))
        self.decoder = nn.Sequential(*up(d, c), *up(c, b), *up(b, a), last)

    def forward(self, x):
        z = self.encoder(x)
        n, c, t, h, w = z.shape
        rows = z.permute(0, 2, 3, 4, 1).reshape(-1, c)
        weights = F.softmax(rows @ self.memory.t(), dim=1)
        weights = F.relu(weights - self.shrink) * weights / ((weights - self.shrink).abs() + 1e-12)
        weights = weights / weights.abs().sum(dim=1, keepdim=True).clamp_min(1e-12)
        read = (weights @ self.memory).reshape(n, t, h, w, c).permute(0, 4, 1, 2, 3).contiguous()
        return self.decoder(read), weights


class Scored(nn.Module):
    """A clip to its map of errors, as vigil scores it."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return (self.net(x)[0] - x).abs().mean(dim=(1, 2))


def tensors(path):
    with open(path, "rb") as f:
        (size,) = struct.unpack("<Q", f.read(8))
        head = json.loads(f.read(size))
        raw = f.read()
    kinds = {"F32": np.float32, "I64": np.int64}
    out = {}
    for name, t in head.items():
        if name != "__metadata__":
            begin, end = t["data_offsets"]
            values = np.frombuffer(raw[begin:end], kinds[t["dtype"]]).reshape(t["shape"])
            out[name.replace("mem_rep.memory.weight", "memory")] = torch.from_numpy(values.copy())
    return out


def say(**what):
    print(json.dumps(what), flush=True)


def main():
    with open(sys.argv[1]) as f:
        config = json.load(f)
    torch.set_num_threads(config["threads"])
    net = Net(config["channels"], config["slots"], config["lambda"])
    net.load_state_dict(tensors(config["weights"]))
    side = config["side"]
    x = torch.from_numpy(np.fromfile(config["clip"], np.float32)).reshape(1, 1, 16, side, side)
    scored = Scored(net.eval())
    with torch.no_grad():
        score = scored(x).mean().item()
    trained = Net(config["channels"], config["slots"], config["lambda"])
    trained.load_state_dict(net.state_dict())
    trained.train()
    optimiser = torch.optim.Adam(trained.parameters(), lr=1e-4)
    try:
        torch.onnx.export(scored, x, config["onnx"], opset_version=13, input_names=["clip"], output_names=["map"])
        exported = ""
    except Exception as e:  # any reason is one to tell; PyTorch itself can still be timed
        exported = str(e)

    def forward():
        with torch.no_grad():
            scored(x).mean().item()

    def step():
        y, weights = trained(x)
        entropy = -(weights * torch.log(weights + 1e-12)).sum(dim=1).mean()
        loss = F.mse_loss(y, x) + 2e-4 * entropy
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    tasks = {"forward": forward, "step": step}
    say(ready=True, version=torch.__version__, tasks=list(tasks), score=score, note=exported)
    for line in sys.stdin:
        task, times = line.split()
        began = time.perf_counter()
        for _ in range(int(times)):
            tasks[task]()
        say(seconds=time.perf_counter() - began)


main()
