"""Writes the small files that the readers are tested on, with SciPy and NumPy as the data sets' users have them."""
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
