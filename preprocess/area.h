// Means over areas. See luma.go.
#include <stdint.h>

#define VIGIL_MOST_SIDE 1024
#define VIGIL_SPARE 16

// vigil_shrink makes to [side][side] of from [h][w], both at least side, which is at most VIGIL_MOST_SIDE: each pixel is the mean of the area that it
// covers. sums has room for w, row for VIGIL_SPARE more.
void vigil_shrink(const uint8_t *from, int w, int h, uint8_t *to, int side, uint16_t *sums, float *row);
