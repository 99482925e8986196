//go:build cgo && gocv_videoio

#include "ffmpeg.h"
#include "tracks.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

const int vigil_eof = AVERROR_EOF, vigil_exit = AVERROR_EXIT, vigil_unauthorized = AVERROR_HTTP_UNAUTHORIZED,
	  vigil_forbidden = AVERROR_HTTP_FORBIDDEN, vigil_not_found = AVERROR_HTTP_NOT_FOUND,
	  vigil_client_error = AVERROR_HTTP_OTHER_4XX, vigil_server_error = AVERROR_HTTP_SERVER_ERROR,
	  vigil_waiting = FFERRTAG('v', 'g', 'w', 't'), vigil_large = FFERRTAG('v', 'g', 'l', 'g');

struct vigil_source {
	AVFormatContext *format;
	AVCodecContext *codec;
	AVPacket *packet;
	AVFrame *frame, *before; // the current frame and the previous one
	struct SwsContext *gray, *color;
	// For packets that are not decoded: extracts the frame size.
	AVCodecParserContext *parser;
	int stream;
	int rotation;        // clockwise degrees
	uint8_t *unturned;   // a frame before rotation
	unsigned unturned_size;
	int draining;
	int64_t packets;     // video packets received
	int64_t packets_then; // packets at the last extension of the timeout
	int64_t timeout;     // of one wait for a frame, microseconds
	int waits;           // remaining extensions for the first frame while packets come
	int opened, waited;  // the first wait has begun; the wait was extended
	int damaged;         // frames dropped since the last one returned
	int64_t whole_after; // after damage: when frames other than key frames are accepted again
	int64_t left;        // time left for the current call, microseconds
	int64_t looked;      // when left was last updated
	int skipped;         // packets were dropped and none decoded since
	int64_t key_until;   // deadline of waiting for a key frame after that, 0 if not waiting
	int expired;         // a timeout aborted a call, so the connection cannot continue
	vigil_guard *guard;
	int large_width, large_height; // of a refused frame
	atomic_int stopped;
};

static int64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void give_time(vigil_source *s, int64_t us)
{
	s->left = us;
	s->looked = now_us();
}

// FFmpeg calls this ten times a second while it waits for the network. A step counts as one second at most, so that a
// suspended process or machine, which is not the camera's fault, does not cause a timeout.
static int interrupted(void *opaque)
{
	vigil_source *s = opaque;
	int64_t now = now_us(), step = now - s->looked;
	s->left -= step < 1000000 ? step : 1000000;
	s->looked = now;
	// Extend the timeout here, because an aborted read cannot be resumed.
	if (s->left < 0 && s->waits > 0 && s->packets > s->packets_then) {
		s->packets_then = s->packets;
		s->left = s->timeout;
		s->waits--;
		s->waited = 1;
	}
	s->expired |= s->left < 0;
	return atomic_load(&s->stopped) || s->left < 0 || *vigil_guard_refused(s->guard);
}

// is_large returns whether a frame was refused for its size since the last call.
static int is_large(vigil_source *s) { return vigil_too_large(&s->large_width, &s->large_height); }

void vigil_large_size(const vigil_source *s, int *width, int *height)
{
	*width = s->large_width;
	*height = s->large_height;
}

vigil_source *vigil_new(vigil_guard *g)
{
	vigil_source *s = av_mallocz(sizeof *s);
	if (!s)
		return NULL;
	s->guard = g;
	// FFmpeg's log lines do not name the camera and may contain a password.
	av_log_set_level(AV_LOG_QUIET);
	s->packet = av_packet_alloc();
	s->frame = av_frame_alloc();
	s->before = av_frame_alloc();
	if (!s->packet || !s->frame || !s->before) {
		vigil_free(s);
		return NULL;
	}
	return s;
}

static int open_codec(vigil_source *s, vigil_info *info)
{
	int n = vigil_first_video(s->format, &info->tracks, &info->covers, &info->sounds);
	if (n < 0)
		return n;
	const AVCodec *decoder = avcodec_find_decoder(s->format->streams[n]->codecpar->codec_id);
	if (!decoder)
		return AVERROR_DECODER_NOT_FOUND;
	s->stream = n;
	s->rotation = vigil_rotation(s->format->streams[n]);
	for (unsigned i = 0; i < s->format->nb_streams; i++)
		if ((int)i != n)
			s->format->streams[i]->discard = AVDISCARD_ALL;
	s->codec = avcodec_alloc_context3(decoder);
	if (!s->codec)
		return AVERROR(ENOMEM);
	int err = avcodec_parameters_to_context(s->codec, s->format->streams[n]->codecpar);
	if (err < 0)
		return err;
	s->codec->thread_count = 1;
	s->codec->pkt_timebase = s->format->streams[n]->time_base;
	return avcodec_open2(s->codec, decoder, NULL);
}

// is_upright returns 0 if rotation swaps width and height.
static int is_upright(const vigil_source *s) { return s->rotation % 180 == 0; }

// A server that declares a file's length serves a recording. So does a playlist with a declared duration; its own file
// size would not tell, as the playlist is a short file itself.
static int is_recorded(AVFormatContext *f)
{
	if (f->iformat->flags & AVFMT_NOFILE || !strcmp(f->iformat->name, "hls") || !strcmp(f->iformat->name, "dash"))
		return f->duration != AV_NOPTS_VALUE && f->duration > 0 && strncmp(f->iformat->name, "rtsp", 4);
	return f->pb && avio_size(f->pb) > 0;
}

// Single images over HTTP and raw streams have no timestamps; FFmpeg invents 25 a second.
static int is_timed(const AVFormatContext *f)
{
	return !(f->iformat->flags & AVFMT_NOTIMESTAMPS) && strcmp(f->iformat->name, "mpjpeg");
}

// For a camera that was open before, the frame rate is known, and a few frames suffice to detect the stream's format.
// Otherwise FFmpeg probes two or three dozen frames: a second, or three at ten frames a second.
enum { few_pictures = 5 };

static int open_source(vigil_source *s, const char *url, const char *transport, const char *protocols, const char *headers, int known, int64_t timeout_us, vigil_info *info)
{
	give_time(s, timeout_us);
	is_large(s); // discard the record of another stream's frame
	s->format = avformat_alloc_context();
	if (!s->format)
		return AVERROR(ENOMEM);
	s->format->interrupt_callback = (AVIOInterruptCB){interrupted, s};
	AVDictionary *options = NULL;
	int err = av_dict_set(&options, "protocol_whitelist", protocols, 0);
	if (err >= 0 && *transport) {
		err = av_dict_set(&options, "rtsp_transport", transport, 0);
		if (err >= 0)
			err = av_dict_set(&options, "allowed_media_types", "video", 0);
	}
	if (err >= 0 && *headers)
		err = av_dict_set(&options, "headers", headers, 0);
	if (err >= 0)
		err = avformat_open_input(&s->format, url, NULL, &options);
	av_dict_free(&options);
	if (err >= 0) {
		info->timed = is_timed(s->format);
		if (known)
			s->format->fps_probe_size = few_pictures;
		if (!info->timed) // there is no rate to measure
			s->format->fps_probe_size = 0;
		err = avformat_find_stream_info(s->format, NULL);
	}
	if (err >= 0)
		err = open_codec(s, info);
	if (is_large(s))
		return vigil_large;
	if (err < 0)
		return err;
	AVStream *st = s->format->streams[s->stream];
	AVRational rate = av_guess_frame_rate(s->format, st, NULL);
	info->width = is_upright(s) ? st->codecpar->width : st->codecpar->height;
	info->height = is_upright(s) ? st->codecpar->height : st->codecpar->width;
	info->threads = s->codec->thread_count;
	size_t name = strlen(s->format->iformat->name);
	info->still = !strcmp(s->format->iformat->name, "image2") || (name > 5 && !strcmp(s->format->iformat->name + name - 5, "_pipe"));
	info->recorded = is_recorded(s->format);
	s->expired = 0; // the data read before the timeout may suffice
	info->fps = rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0;
	s->large_width = info->width;
	s->large_height = info->height;
	return (int64_t)info->width * info->height > VIGIL_MOST_PIXELS ? vigil_large : 0;
}

int vigil_open(vigil_source *s, const char *url, const char *transport, const char *protocols, const char *headers, int known, int64_t timeout_us, vigil_info *info)
{
	vigil_guard_enter(s->guard);
	int err = open_source(s, url, transport, protocols, headers, known, timeout_us, info);
	vigil_guard_enter(NULL);
	return err;
}

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
		s->whole_after = now_us() + 1000000;
		return 1;
	}
	if (is_key(f) || now_us() >= s->whole_after)
		s->whole_after = 0;
	return s->whole_after != 0;
}

// is_wanted returns 0 for packets after vigil_skip until the next key frame, because they depend on skipped packets.
// Some cameras send no key frames but intra-code a part of each frame, so waiting ends after half of the timeout.
static int is_wanted(vigil_source *s)
{
	if (s->skipped) {
		s->skipped = 0;
		s->key_until = now_us() + s->timeout / 2;
		avcodec_flush_buffers(s->codec);
	}
	if (s->key_until && (s->packet->flags & AV_PKT_FLAG_KEY || now_us() > s->key_until))
		s->key_until = 0;
	return !s->key_until;
}

// next_frame returns the decoder's next frame, reading packets as needed.
static int next_frame(vigil_source *s)
{
	for (;;) {
		int err = avcodec_receive_frame(s->codec, s->frame);
		if (is_large(s))
			return vigil_large;
		if (err != AVERROR(EAGAIN))
			return err;
		if (s->draining)
			return AVERROR_EOF;
		if (interrupted(s))
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
			avcodec_send_packet(s->codec, s->packet); // an undecodable packet costs one frame
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

static int read_picture(vigil_source *s, int64_t timeout_us, int waits, vigil_picture *p)
{
	// A parser held the previous frame back until the wait was aborted.
	if (s->expired)
		return AVERROR_EXIT;
	give_time(s, timeout_us);
	s->timeout = timeout_us;
	if (!s->opened)
		s->waits = waits;
	s->opened = 1;
	av_frame_unref(s->before);
	av_frame_move_ref(s->before, s->frame);
	for (;;) {
		int err = next_frame(s);
		if (err == AVERROR_INVALIDDATA) {
			s->damaged++;
			continue;
		}
		if (err < 0)
			return err;
		if (s->frame->width < 1 || s->frame->height < 1 || !s->frame->data[0])
			return AVERROR_INVALIDDATA;
		if (!is_damaged(s))
			break;
		s->damaged++;
		av_frame_unref(s->frame);
	}
	s->waits = s->waited = 0;
	AVFrame *f = s->frame;
	p->width = is_upright(s) ? f->width : f->height;
	p->height = is_upright(s) ? f->height : f->width;
	p->timed = f->best_effort_timestamp != AV_NOPTS_VALUE;
	p->pts = p->timed ? av_rescale_q(f->best_effort_timestamp, s->format->streams[s->stream]->time_base, (AVRational){1, 1000000000}) : 0;
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
	return err;
}

int vigil_skip(vigil_source *s, int64_t timeout_us)
{
	if (s->expired)
		return AVERROR_EXIT;
	give_time(s, timeout_us);
	if (interrupted(s))
		return AVERROR_EXIT;
	s->skipped = 1;
	vigil_guard_enter(s->guard);
	int err = av_read_frame(s->format, s->packet);
	vigil_guard_enter(NULL);
	av_packet_unref(s->packet);
	return err == AVERROR_INVALIDDATA ? 0 : err;
}

// has_luma returns whether the first plane is 8-bit luma.
static int has_luma(enum AVPixelFormat format)
{
	const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(format);
	return d && !(d->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_BITSTREAM)) &&
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
		s->gray = sws_getCachedContext(s->gray, f->width, f->height, f->format, f->width, f->height, AV_PIX_FMT_GRAY8, SWS_POINT, NULL, NULL, NULL);
		if (!s->gray)
			return AVERROR(EINVAL);
		return sws_scale(s->gray, (const uint8_t *const *)f->data, f->linesize, 0, f->height, &to, &f->width) < 0 ? AVERROR_EXTERNAL : 0;
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
			size_t at = s->rotation == 90 ? (size_t)x * h + h - 1 - y : s->rotation == 180 ? (size_t)(h - 1 - y) * w + w - 1 - x : (size_t)(w - 1 - x) * h + y;
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
	s->color = sws_getCachedContext(s->color, f->width, f->height, f->format, w, h, AV_PIX_FMT_BGR24, w == f->width ? SWS_POINT : SWS_AREA, NULL, NULL, NULL);
	if (!s->color)
		return AVERROR(EINVAL);
	return sws_scale(s->color, (const uint8_t *const *)f->data, f->linesize, 0, f->height, &to, &stride) < 0 ? AVERROR_EXTERNAL : 0;
}

int vigil_color(vigil_source *s, uint8_t *to, int w, int h)
{
	if (!s->rotation)
		return color(s, to, w, h);
	if (!is_upright(s)) {
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

int vigil_coding_of(vigil_source *s, vigil_coding *c)
{
	const AVCodecParameters *par = s->format->streams[s->stream]->codecpar;
	*c = (vigil_coding){avcodec_get_name(par->codec_id), par->extradata, par->extradata_size, par->width, par->height};
	return 0;
}

// see_size extracts a key frame's size with the parser. PARSER_FLAG_COMPLETE_FRAMES keeps it from holding packets back.
static void see_size(vigil_source *s, vigil_packet *p)
{
	if (!s->parser) {
		s->parser = av_parser_init(s->codec->codec_id);
		if (!s->parser)
			return;
		s->parser->flags |= PARSER_FLAG_COMPLETE_FRAMES;
	}
	uint8_t *out;
	int n;
	av_parser_parse2(s->parser, s->codec, &out, &n, s->packet->data, s->packet->size, AV_NOPTS_VALUE, AV_NOPTS_VALUE, 0);
	p->width = s->parser->width > 0 ? s->parser->width : 0;
	p->height = s->parser->height > 0 ? s->parser->height : 0;
}

int vigil_read_packet(vigil_source *s, int64_t timeout_us, vigil_packet *p)
{
	if (s->expired)
		return AVERROR_EXIT;
	give_time(s, timeout_us);
	for (;;) {
		av_packet_unref(s->packet);
		if (interrupted(s))
			return AVERROR_EXIT;
		vigil_guard_enter(s->guard);
		int err = av_read_frame(s->format, s->packet);
		vigil_guard_enter(NULL);
		if (err == AVERROR_INVALIDDATA) // drop damaged packets, as in vigil_read
			continue;
		if (err < 0)
			return err;
		if (s->packet->stream_index == s->stream && s->packet->size > 0)
			break;
	}
	const AVPacket *in = s->packet;
	const AVRational base = s->format->streams[s->stream]->time_base, ns = {1, 1000000000};
	*p = (vigil_packet){.data = in->data, .size = in->size, .key = !!(in->flags & AV_PKT_FLAG_KEY)};
	int timed = is_timed(s->format);
	p->has_pts = timed && in->pts != AV_NOPTS_VALUE;
	p->has_dts = timed && in->dts != AV_NOPTS_VALUE;
	if (p->has_pts)
		p->pts = av_rescale_q(in->pts, base, ns);
	if (p->has_dts)
		p->dts = av_rescale_q(in->dts, base, ns);
	if (p->key)
		see_size(s, p);
	return 0;
}

void vigil_stop(vigil_source *s) { atomic_store(&s->stopped, 1); }

void vigil_free(vigil_source *s)
{
	if (!s)
		return;
	atomic_store(&s->stopped, 0);
	give_time(s, 1000000); // time for RTSP TEARDOWN
	if (s->parser)
		av_parser_close(s->parser);
	avcodec_free_context(&s->codec);
	vigil_guard_enter(s->guard);
	avformat_close_input(&s->format);
	vigil_guard_enter(NULL);
	av_packet_free(&s->packet);
	av_frame_free(&s->frame);
	av_frame_free(&s->before);
	av_free(s->unturned);
	sws_freeContext(s->gray);
	sws_freeContext(s->color);
	av_free(s);
}

void vigil_reason(int code, char *text, size_t size) { av_strerror(code, text, size); }
