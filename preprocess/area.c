//go:build cgo && gocv_videoio

#include "area.h"

#include <string.h>

// Shrinks vertically first, where whole rows are added without multiplication, and then horizontally over what is left:
// this order is the fastest.

static void add_row(uint16_t *restrict sums, const uint8_t *restrict from, int w)
{
	for (int x = 0; x < w; x++)
		sums[x] += from[x];
}

static void join(float *restrict row, const uint16_t *restrict sums, const uint8_t *restrict top, float a,
	const uint8_t *restrict bottom, float b, int w)
{
	for (int x = 0; x < w; x++)
		row[x] = (float)sums[x] + a * (float)top[x] + b * (float)bottom[x];
}

// squeeze writes a row of side pixels, each the weighted sum of taps neighbours. It is inlined with constant taps,
// which makes it several times as fast.
static inline __attribute__((always_inline)) void squeeze(uint8_t *restrict to, const float *restrict row,
	const int *restrict left, const float *restrict weights, int side, const int taps)
{
	for (int i = 0; i < side; i++, weights += taps) {
		const float *from = row + left[i];
		float sum = 0.5f;
		for (int k = 0; k < taps; k++)
			sum += weights[k] * from[k];
		int v = (int)sum;
		to[i] = (uint8_t)(v > 255 ? 255 : v);
	}
}

// Above max_taps a table of weights gains nothing.
enum { max_taps = 10 };

static void squeeze_by(uint8_t *restrict to, const float *restrict row, const int *restrict left,
	const float *restrict weights, int side, int taps)
{
	switch (taps) {
#define CASE(n) case n: squeeze(to, row, left, weights, side, n); return;
	CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10)
#undef CASE
	}
}

void vigil_shrink(const uint8_t *from, int w, int h, uint8_t *to, int side, uint16_t *sums, float *row)
{
	double down = (double)h / side, across = (double)w / side;
	float scale = (float)(1 / (down * across));
	// For each output column: its first and last input pixels with their partial weights; those between have weight 1.
	int left[VIGIL_MAX_SIDE], right[VIGIL_MAX_SIDE];
	float before[VIGIL_MAX_SIDE], after[VIGIL_MAX_SIDE];
	int taps = 0;
	for (int i = 0; i < side; i++) {
		double x0 = i * across, x1 = (i + 1) * across;
		left[i] = (int)x0;
		right[i] = (int)x1 < w ? (int)x1 : w - 1;
		before[i] = (float)(left[i] + 1 - x0);
		after[i] = (float)(x1 - right[i]);
		if (right[i] == left[i]) {
			before[i] = (float)(x1 - x0);
			after[i] = 0;
		}
		if (right[i] - left[i] >= taps)
			taps = right[i] - left[i] + 1;
	}
	// The same as a table if that is small; row has room for taps more.
	float weights[VIGIL_MAX_SIDE * max_taps];
	if (taps <= max_taps) {
		memset(row + w, 0, max_taps * sizeof *row);
		for (int i = 0; i < side; i++)
			for (int k = 0; k < taps; k++) {
				int x = left[i] + k;
				float part = x == left[i] ? before[i] : x < right[i] ? 1 : x == right[i] ? after[i] : 0;
				weights[i * taps + k] = part * scale;
			}
	}
	for (int j = 0; j < side; j++) {
		// Rows first to last-1 lie entirely in the area; the ones before and after them partially.
		double y0 = j * down, y1 = (j + 1) * down;
		int first = (int)y0, last = (int)y1;
		float a = 0, b = 0;
		int top = first, bottom = last < h ? last : h - 1;
		if (y0 > first) {
			a = (float)(first + 1 - y0);
			first++;
		}
		if (last < h)
			b = (float)(y1 - last);
		else
			last = h;
		memset(sums, 0, (size_t)w * sizeof *sums);
		for (int y = first; y < last; y++)
			add_row(sums, from + (size_t)y * w, w);
		join(row, sums, from + (size_t)top * w, a, from + (size_t)bottom * w, b, w);
		if (taps <= max_taps) {
			squeeze_by(to + (size_t)j * side, row, left, weights, side, taps);
			continue;
		}
		for (int i = 0; i < side; i++) {
			float sum = before[i] * row[left[i]] + after[i] * row[right[i]];
			for (int x = left[i] + 1; x < right[i]; x++)
				sum += row[x];
			int v = (int)(sum * scale + 0.5f);
			to[j * side + i] = (uint8_t)(v > 255 ? 255 : v);
		}
	}
}
