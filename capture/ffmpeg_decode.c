//go:build cgo && gocv_videoio

// Decodes frames, and converts them to luma and colour.
#include "ffmpeg_source.h"

#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

static int is_key(const AVFrame *f)
{
#ifdef AV_FRAME_FLAG_KEY // since FFmpeg 6.1
	return f->flags & AV_FRAME_FLAG_KEY;
#else
	return f->key_frame;
#endif
}

// Drops a damaged frame and those predicted from it: up to the next key frame, but for one second at most.
static int is_damaged(vigil_source *s)
{
	AVFrame *f = s->frame;
	if (f->decode_error_flags || (f->flags & AV_FRAME_FLAG_CORRUPT)) {
		s->whole_after = vigil_now_us() + 1000000;
		return 1;
	}
	if (is_key(f) || vigil_now_us() >= s->whole_after)
		s->whole_after = 0;
	return s->whole_after != 0;
}

// is_wanted returns 0 for packets after vigil_skip until the next key frame, because they depend on skipped packets.
// Some cameras send no key frames but intra-code a part of each frame, so waiting ends after half of the timeout.
static int is_wanted(vigil_source *s)
{
	if (s->skipped) {
		s->skipped = 0;
		s->key_until = vigil_now_us() + s->timeout / 2;
		avcodec_flush_buffers(s->codec);
	}
	if (s->key_until && (s->packet->flags & AV_PKT_FLAG_KEY || vigil_now_us() > s->key_until))
		s->key_until = 0;
	return !s->key_until;
}

// next_frame returns the decoder's next frame, reading packets as needed.
static int next_frame(vigil_source *s)
{
	for (;;) {
		int err = avcodec_receive_frame(s->codec, s->frame);
		if (vigil_is_large(s))
			return vigil_large;
		if (err != AVERROR(EAGAIN))
			return err;
		if (s->draining)
			return AVERROR_EOF;
		if (vigil_interrupted(s))
			return AVERROR_EXIT;
		if (s->waited) {
			s->waited = 0;
			return vigil_waiting;
		}
		err = av_read_frame(s->format, s->packet);
		if (err == AVERROR_EOF) {
			s->draining = 1;
			avcodec_send_packet(s->codec, NULL);
			continue;
		}
		if (err < 0)
			return err;
		if (s->packet->stream_index == s->stream && is_wanted(s)) {
			s->packets++;
			// An undecodable packet costs one frame. Until the first frame the decoder waits for a key frame.
			if (avcodec_send_packet(s->codec, s->packet) < 0 && s->decoded)
				s->undecodable++;
		}
		av_packet_unref(s->packet);
	}
}

static int same(const AVFrame *a, const AVFrame *b)
{
	if (!b->data[0] || a->width != b->width || a->height != b->height || a->format != b->format)
		return 0;
	for (int y = 0; y < a->height; y++)
		if (memcmp(a->data[0] + (ptrdiff_t)y * a->linesize[0], b->data[0] + (ptrdiff_t)y * b->linesize[0], a->width))
			return 0;
	return 1;
}

static void count_damaged(vigil_source *s)
{
	s->damaged++;
	s->all_damaged++;
}

static int read_picture(vigil_source *s, int64_t timeout_us, int waits, vigil_picture *p)
{
	// A parser held the previous frame back until the wait was aborted.
	if (s->expired)
		return AVERROR_EXIT;
	vigil_give_time(s, timeout_us);
	s->timeout = timeout_us;
	if (!s->opened)
		s->waits = waits;
	s->opened = 1;
	av_frame_unref(s->before);
	av_frame_move_ref(s->before, s->frame);
	for (;;) {
		int err = next_frame(s);
		if (err == AVERROR_INVALIDDATA) {
			count_damaged(s);
			continue;
		}
		if (err < 0)
			return err;
		if (s->frame->width < 1 || s->frame->height < 1 || !s->frame->data[0])
			return AVERROR_INVALIDDATA;
		if (!is_damaged(s))
			break;
		count_damaged(s);
		av_frame_unref(s->frame);
	}
	s->waits = s->waited = 0;
	s->decoded = 1;
	AVFrame *f = s->frame;
	p->width = vigil_is_upright(s) ? f->width : f->height;
	p->height = vigil_is_upright(s) ? f->height : f->width;
	p->timed = f->best_effort_timestamp != AV_NOPTS_VALUE;
	const AVRational base = s->format->streams[s->stream]->time_base, ns = {1, 1000000000};
	p->pts = p->timed ? av_rescale_q(f->best_effort_timestamp, base, ns) : 0;
	p->same = same(f, s->before);
	p->damaged = s->damaged;
	s->damaged = 0;
	return 0;
}

int vigil_read(vigil_source *s, int64_t timeout_us, int waits, vigil_picture *p)
{
	vigil_guard_enter(s->guard);
	int err = read_picture(s, timeout_us, waits, p);
	vigil_guard_enter(NULL);
	p->all_damaged = s->all_damaged;
	p->undecodable = s->undecodable;
	return err;
}

// has_luma returns whether the first plane is 8-bit luma.
static int has_luma(enum AVPixelFormat format)
{
	const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(format);
	const uint64_t other = AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_HWACCEL |
			       AV_PIX_FMT_FLAG_BITSTREAM;
	return d && !(d->flags & other) &&
	       d->comp[0].plane == 0 && d->comp[0].step == 1 && d->comp[0].depth == 8;
}

static int is_full(const AVFrame *f)
{
	switch (f->format) {
	case AV_PIX_FMT_YUVJ420P:
	case AV_PIX_FMT_YUVJ422P:
	case AV_PIX_FMT_YUVJ440P:
	case AV_PIX_FMT_YUVJ444P:
	case AV_PIX_FMT_YUVJ411P:
	case AV_PIX_FMT_GRAY8:
		return 1;
	}
	return f->color_range == AVCOL_RANGE_JPEG;
}

// widen maps 16..235 to 0..255 like a conversion to RGB and back to grey: round(v * 255/219). The vector code computes
// 2v * 255/219 in 16 bits and rounds by averaging with 0.
static void widen(uint8_t *restrict to, const uint8_t *restrict from, int n)
{
	const int factor = 19077; // 255/219 * 2^14
	int i = 0;
#ifdef __SSE2__
	const __m128i black = _mm_set1_epi8(16), factors = _mm_set1_epi16(factor), zero = _mm_setzero_si128();
	for (; i + 16 <= n; i += 16) {
		__m128i v = _mm_subs_epu8(_mm_loadu_si128((const __m128i *)(from + i)), black);
		__m128i a = _mm_slli_epi16(_mm_unpacklo_epi8(v, zero), 3), b = _mm_slli_epi16(_mm_unpackhi_epi8(v, zero), 3);
		a = _mm_avg_epu16(_mm_mulhi_epu16(a, factors), zero);
		b = _mm_avg_epu16(_mm_mulhi_epu16(b, factors), zero);
		_mm_storeu_si128((__m128i *)(to + i), _mm_packus_epi16(a, b));
	}
#endif
	for (; i < n; i++) {
		int v = from[i] < 16 ? 0 : from[i] - 16;
		v = (v * factor + 8192) >> 14;
		to[i] = v > 255 ? 255 : v;
	}
}

static int luma(vigil_source *s, uint8_t *to)
{
	AVFrame *f = s->frame;
	if (!has_luma(f->format)) {
		s->gray = sws_getCachedContext(s->gray, f->width, f->height, f->format, f->width, f->height,
					       AV_PIX_FMT_GRAY8, SWS_POINT, NULL, NULL, NULL);
		if (!s->gray)
			return AVERROR(EINVAL);
		int lines = sws_scale(s->gray, (const uint8_t *const *)f->data, f->linesize, 0, f->height, &to, &f->width);
		return lines < 0 ? AVERROR_EXTERNAL : 0;
	}
	int full = is_full(f);
	for (int y = 0; y < f->height; y++) {
		const uint8_t *row = f->data[0] + (ptrdiff_t)y * f->linesize[0];
		if (full)
			memcpy(to + (size_t)y * f->width, row, f->width);
		else
			widen(to + (size_t)y * f->width, row, f->width);
	}
	return 0;
}

// turn writes a rotated copy of the frame of w x h pixels in s->unturned.
static void turn(const vigil_source *s, uint8_t *restrict to, int w, int h, int bytes)
{
	const uint8_t *from = s->unturned;
	for (int y = 0; y < h; y++)
		for (int x = 0; x < w; x++, from += bytes) {
			size_t at = s->rotation == 90    ? (size_t)x * h + h - 1 - y
				    : s->rotation == 180 ? (size_t)(h - 1 - y) * w + w - 1 - x
							 : (size_t)(w - 1 - x) * h + y;
			memcpy(to + at * bytes, from, bytes);
		}
}

// unturned returns a buffer for a frame before rotation.
static uint8_t *unturned(vigil_source *s, size_t size)
{
	av_fast_malloc(&s->unturned, &s->unturned_size, size);
	return s->unturned;
}

int vigil_luma(vigil_source *s, uint8_t *to)
{
	if (!s->rotation)
		return luma(s, to);
	int w = s->frame->width, h = s->frame->height;
	if (!unturned(s, (size_t)w * h))
		return AVERROR(ENOMEM);
	int err = luma(s, s->unturned);
	if (err >= 0)
		turn(s, to, w, h, 1);
	return err;
}

static int color(vigil_source *s, uint8_t *to, int w, int h)
{
	AVFrame *f = s->frame;
	int stride = 3 * w;
	s->color = sws_getCachedContext(s->color, f->width, f->height, f->format, w, h, AV_PIX_FMT_BGR24,
					w == f->width ? SWS_POINT : SWS_AREA, NULL, NULL, NULL);
	if (!s->color)
		return AVERROR(EINVAL);
	int lines = sws_scale(s->color, (const uint8_t *const *)f->data, f->linesize, 0, f->height, &to, &stride);
	return lines < 0 ? AVERROR_EXTERNAL : 0;
}

int vigil_color(vigil_source *s, uint8_t *to, int w, int h)
{
	if (!s->rotation)
		return color(s, to, w, h);
	if (!vigil_is_upright(s)) {
		int width = w;
		w = h;
		h = width;
	}
	if (!unturned(s, (size_t)w * h * 3))
		return AVERROR(ENOMEM);
	int err = color(s, s->unturned, w, h);
	if (err >= 0)
		turn(s, to, w, h, 3);
	return err;
}
