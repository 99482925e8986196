//go:build cgo && gocv_videoio

// Opens a camera's URL, and closes it.
#include "ffmpeg_source.h"
#include "tracks.h"

#include <string.h>
#include <time.h>

const int vigil_eof = AVERROR_EOF, vigil_exit = AVERROR_EXIT, vigil_unauthorized = AVERROR_HTTP_UNAUTHORIZED,
	  vigil_forbidden = AVERROR_HTTP_FORBIDDEN, vigil_not_found = AVERROR_HTTP_NOT_FOUND,
	  vigil_client_error = AVERROR_HTTP_OTHER_4XX, vigil_server_error = AVERROR_HTTP_SERVER_ERROR,
	  vigil_waiting = FFERRTAG('v', 'g', 'w', 't'), vigil_large = FFERRTAG('v', 'g', 'l', 'g');

int64_t vigil_now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void vigil_give_time(vigil_source *s, int64_t us)
{
	s->left = us;
	s->looked = vigil_now_us();
}

int vigil_interrupted(void *opaque)
{
	vigil_source *s = opaque;
	int64_t now = vigil_now_us(), step = now - s->looked;
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

int vigil_is_large(vigil_source *s) { return vigil_too_large(&s->large_width, &s->large_height); }

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

// A server that declares a file's length serves a recording. So does a playlist with a declared duration; its own file
// size would not tell, as the playlist is a short file itself.
static int is_recorded(AVFormatContext *f)
{
	if (f->iformat->flags & AVFMT_NOFILE || !strcmp(f->iformat->name, "hls") || !strcmp(f->iformat->name, "dash"))
		return f->duration != AV_NOPTS_VALUE && f->duration > 0 && strncmp(f->iformat->name, "rtsp", 4);
	return f->pb && avio_size(f->pb) > 0;
}

int vigil_is_timed(const AVFormatContext *f)
{
	return !(f->iformat->flags & AVFMT_NOTIMESTAMPS) && strcmp(f->iformat->name, "mpjpeg");
}

// For a camera that was open before, the frame rate is known, and a few frames suffice to detect the stream's format.
// Otherwise FFmpeg probes two or three dozen frames: a second, or three at ten frames a second.
enum { few_pictures = 5 };

static int open_source(vigil_source *s, const char *url, const char *transport, const char *protocols,
		       const char *headers, int known, int64_t timeout_us, vigil_info *info)
{
	vigil_give_time(s, timeout_us);
	vigil_is_large(s); // discard the record of another stream's frame
	s->format = avformat_alloc_context();
	if (!s->format)
		return AVERROR(ENOMEM);
	s->format->interrupt_callback = (AVIOInterruptCB){vigil_interrupted, s};
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
		info->timed = vigil_is_timed(s->format);
		if (known)
			s->format->fps_probe_size = few_pictures;
		if (!info->timed) // there is no rate to measure
			s->format->fps_probe_size = 0;
		err = avformat_find_stream_info(s->format, NULL);
	}
	if (err >= 0)
		err = open_codec(s, info);
	if (vigil_is_large(s))
		return vigil_large;
	if (err < 0)
		return err;
	AVStream *st = s->format->streams[s->stream];
	AVRational rate = av_guess_frame_rate(s->format, st, NULL);
	info->width = vigil_is_upright(s) ? st->codecpar->width : st->codecpar->height;
	info->height = vigil_is_upright(s) ? st->codecpar->height : st->codecpar->width;
	info->threads = s->codec->thread_count;
	size_t name = strlen(s->format->iformat->name);
	info->still = !strcmp(s->format->iformat->name, "image2") ||
		      (name > 5 && !strcmp(s->format->iformat->name + name - 5, "_pipe"));
	info->recorded = is_recorded(s->format);
	s->expired = 0; // the data read before the timeout may suffice
	info->fps = rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0;
	s->large_width = info->width;
	s->large_height = info->height;
	return (int64_t)info->width * info->height > VIGIL_MOST_PIXELS ? vigil_large : 0;
}

int vigil_open(vigil_source *s, const char *url, const char *transport, const char *protocols, const char *headers,
	       int known, int64_t timeout_us, vigil_info *info)
{
	vigil_guard_enter(s->guard);
	int err = open_source(s, url, transport, protocols, headers, known, timeout_us, info);
	vigil_guard_enter(NULL);
	return err;
}

void vigil_stop(vigil_source *s) { atomic_store(&s->stopped, 1); }

void vigil_free(vigil_source *s)
{
	if (!s)
		return;
	atomic_store(&s->stopped, 0);
	vigil_give_time(s, 1000000); // time for RTSP TEARDOWN
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
