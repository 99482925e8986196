// Area averaging. See luma.go.
#include <stdint.h>

#define VIGIL_MAX_SIDE 1024
#define VIGIL_SPARE 16

// vigil_shrink scales from [h][w] to to [side][side] by averaging the area that each pixel covers. w and h must be at
// least side, and side at most VIGIL_MAX_SIDE. sums has room for w values, row for VIGIL_SPARE more.
void vigil_shrink(const uint8_t *from, int w, int h, uint8_t *to, int side, uint16_t *sums, float *row);
