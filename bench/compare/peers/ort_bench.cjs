// The network that PyTorch exported, in ONNX Runtime, to be timed beside vigil.
//
//   node ort_bench.cjs CONFIG.json
//
// says what it is and then answers each line "forward N" on stdin with the seconds that N clips took.
const fs = require("fs");
const readline = require("readline");
const ort = require("onnxruntime-node");

const say = (what) => console.log(JSON.stringify(what));

async function main() {
  const config = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
  const session = await ort.InferenceSession.create(config.onnx, {
    executionProviders: ["cpu"],
    graphOptimizationLevel: "all",
    intraOpNumThreads: config.threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  const raw = fs.readFileSync(config.clip);
  const values = new Float32Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.byteLength));
  const clip = new ort.Tensor("float32", values, [1, 1, 16, config.side, config.side]);
  const score = async () => {
    const map = (await session.run({ clip })).map.data;
    return map.reduce((a, b) => a + b, 0) / map.length;
  };
  const version = ort.env.versions.node || ort.env.versions.common;
  say({ ready: true, version, tasks: ["forward"], score: await score() });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const times = Number(line.split(" ")[1]);
    const began = process.hrtime.bigint();
    for (let i = 0; i < times; i++) await score();
    say({ seconds: Number(process.hrtime.bigint() - began) / 1e9 });
  }
}

main().catch((e) => {
  console.error(e);
  process.exit(1);
});
