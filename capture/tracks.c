//go:build cgo && gocv_videoio

#include "tracks.h"
#include "ffmpeg.h"

#include <libavutil/display.h>
#include <libavutil/parseutils.h>
#include <math.h>
#include <string.h>

// vigil_first_video returns the index of the first video track, the one that OpenCV reads, or an error code. Cover
// images do not count as video.
int vigil_first_video(const AVFormatContext *f, int *tracks, int *covers, int *sounds)
{
	int first = AVERROR_STREAM_NOT_FOUND;
	*tracks = *covers = *sounds = 0;
	for (unsigned i = 0; i < f->nb_streams; i++) {
		const AVStream *st = f->streams[i];
		if (st->codecpar->codec_type == AVMEDIA_TYPE_AUDIO)
			++*sounds;
		if (st->codecpar->codec_type != AVMEDIA_TYPE_VIDEO)
			continue;
		if (st->disposition & AV_DISPOSITION_ATTACHED_PIC) {
			++*covers;
			continue;
		}
		if (first < 0)
			first = i;
		++*tracks;
	}
	return first;
}

// vigil_rotation returns the clockwise rotation in degrees that makes a frame upright: 0, 90, 180 or 270.
int vigil_rotation(const AVStream *st)
{
	const uint8_t *matrix = av_stream_get_side_data(st, AV_PKT_DATA_DISPLAYMATRIX, NULL);
	if (!matrix)
		return 0;
	double degrees = -av_display_rotation_get((const int32_t *)matrix);
	if (isnan(degrees))
		return 0;
	int r = (int)lround(degrees) % 360;
	r = r < 0 ? r + 360 : r;
	return r % 90 ? 0 : r;
}

struct vigil_survey {
	AVFormatContext *format;
	AVPacket *packet;
	int track;
};

// length returns a track's duration in seconds, 0 if unknown. Matroska stores the time at which a track ends, so its
// start is subtracted.
static double length(const AVFormatContext *f, const AVStream *st, int *own)
{
	*own = 1;
	double start = st->start_time == AV_NOPTS_VALUE ? 0 : st->start_time * av_q2d(st->time_base);
	if (st->duration != AV_NOPTS_VALUE && st->duration > 0)
		return st->duration * av_q2d(st->time_base);
	const AVDictionaryEntry *tag = av_dict_get(st->metadata, "DURATION", NULL, AV_DICT_IGNORE_SUFFIX);
	int64_t us = 0;
	double seconds = 0;
	if (tag && av_parse_time(&us, tag->value, 1) >= 0)
		seconds = us / 1e6;
	else {
		*own = 0;
		seconds = f->duration != AV_NOPTS_VALUE && f->duration > 0 ? f->duration / 1e6 : 0;
	}
	if (!strncmp(f->iformat->name, "matroska", 8) && seconds > start)
		seconds -= start;
	return seconds;
}

int vigil_survey_open(const char *path, const char *protocols, vigil_survey **to, vigil_tracks *t)
{
	av_log_set_level(AV_LOG_QUIET);
	vigil_survey *s = av_mallocz(sizeof *s);
	if (!s || !(s->packet = av_packet_alloc())) {
		av_free(s);
		return AVERROR(ENOMEM);
	}
	*to = s;
	AVDictionary *options = NULL;
	int err = av_dict_set(&options, "protocol_whitelist", protocols, 0);
	if (err >= 0)
		err = avformat_open_input(&s->format, path, NULL, &options);
	av_dict_free(&options);
	if (err >= 0)
		err = avformat_find_stream_info(s->format, NULL);
	if (err < 0)
		return err;
	s->track = vigil_first_video(s->format, &t->tracks, &t->covers, &t->sounds);
	for (unsigned i = 0; i < s->format->nb_streams; i++)
		if ((int)i != s->track)
			s->format->streams[i]->discard = AVDISCARD_ALL;
	if (s->track < 0)
		return 0;
	const AVStream *st = s->format->streams[s->track];
	t->cover_first = 0;
	for (int i = 0; i < s->track; i++)
		t->cover_first |= s->format->streams[i]->codecpar->codec_type == AVMEDIA_TYPE_VIDEO;
	t->width = st->codecpar->width;
	t->height = st->codecpar->height;
	t->rotation = vigil_rotation(st);
	t->frames = st->nb_frames;
	t->seconds = length(s->format, st, &t->own_seconds);
	return 0;
}

int vigil_survey_read(vigil_survey *s, int packets, vigil_scan *r)
{
	AVPacket *p = s->packet;
	for (int i = 0; i < packets; i++) {
		int err = av_read_frame(s->format, p);
		if (err < 0)
			return err;
		if (p->stream_index == s->track && !(p->flags & AV_PKT_FLAG_DISCARD) && p->size > 0) {
			int64_t at = p->pts != AV_NOPTS_VALUE ? p->pts : p->dts;
			if (at != AV_NOPTS_VALUE) {
				at = av_rescale_q(at, s->format->streams[s->track]->time_base, (AVRational){1, 1000000000});
				if (!r->timed || at < r->first)
					r->first = at;
				if (!r->timed || at > r->last)
					r->last = at;
				r->timed = 1;
			}
			r->packets++;
			r->torn = !!(p->flags & AV_PKT_FLAG_CORRUPT);
		}
		av_packet_unref(p);
	}
	return 0;
}

void vigil_survey_close(vigil_survey *s)
{
	if (!s)
		return;
	avformat_close_input(&s->format);
	av_packet_free(&s->packet);
	av_free(s);
}
