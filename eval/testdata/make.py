"""Writes the small files that the readers are tested on, with SciPy and NumPy as the data sets' users have them."""
import struct
import zlib

import numpy as np
from scipy.io import savemat

masks = [np.zeros((3, 4), np.uint8) for _ in range(5)]
masks[1][0, 3] = 1
masks[2][2, 0:2] = 255
cells = np.empty((1, 5), dtype=object)
for i, m in enumerate(masks):
    cells[0, i] = m
savemat("label.mat", {"other": np.arange(6.0), "volLabel": cells}, do_compression=True)
doubles = np.empty((1, 5), dtype=object)
for i, m in enumerate(masks):
    doubles[0, i] = m.astype(np.float64)
savemat("label-plain.mat", {"volLabel": doubles})
np.save("frame_mask.npy", np.array([0, 1, 1, 0, 0], np.int8))
np.save("pixel_mask.npy", np.stack(masks))


def element(kind, data):
    """An element of a MAT-file as MATLAB writes it: a short one stands within its tag."""
    if len(data) <= 4:
        return struct.pack("<HH", kind, len(data)) + data.ljust(4, b"\0")
    return struct.pack("<II", kind, len(data)) + data + b"\0" * (-len(data) % 8)


def matrix(flags, dims, name, *parts):
    head = element(6, struct.pack("<II", flags, 0)) + element(5, struct.pack("<ii", *dims)) + element(1, name)
    body = head + b"".join(parts)
    return struct.pack("<II", 14, len(body)) + body


# MATLAB stores doubles that are whole numbers as bytes, and logical arrays as bytes with a flag. These masks are small,
# so that their data fit into a tag; the second is of 3 x 3.
double, logical = 6, 9 | 0x200
cells = [
    matrix(double, (2, 2), b"", element(2, bytes([0, 0, 0, 0]))),
    matrix(logical, (3, 3), b"", element(2, bytes([0, 0, 1, 0, 0, 0, 0, 0, 0]))),
    matrix(double, (1, 3), b"", element(2, bytes([0, 0, 1]))),
    matrix(double, (2, 2), b"", element(2, bytes([0, 0, 0, 0]))),
    matrix(logical, (2, 2), b"", element(2, bytes([0, 0, 0, 0]))),
]
packed = zlib.compress(matrix(1, (1, 5), b"volLabel", *cells))
text = b"MATLAB 5.0 MAT-file, Platform: PCWIN64".ljust(116) + b"\0" * 8
with open("label-matlab.mat", "wb") as out:
    out.write(text + struct.pack("<H", 0x0100) + b"IM" + struct.pack("<II", 15, len(packed)) + packed)

# A video of 40 frames of 48 x 32, abnormal from frame 20 on, in Avenue's form.
long = np.empty((1, 40), dtype=object)
for i in range(40):
    long[0, i] = np.zeros((32, 48), np.uint8)
    if i >= 20:
        long[0, i][10:20, 30:45] = 1
savemat("label-40.mat", {"volLabel": long}, do_compression=True)
