//go:build cgo && gocv_videoio

// Reads packets without decoding them.
#include "ffmpeg_source.h"

int vigil_skip(vigil_source *s, int64_t timeout_us)
{
	if (s->expired)
		return AVERROR_EXIT;
	vigil_give_time(s, timeout_us);
	if (vigil_interrupted(s))
		return AVERROR_EXIT;
	s->skipped = 1;
	vigil_guard_enter(s->guard);
	int err = av_read_frame(s->format, s->packet);
	vigil_guard_enter(NULL);
	av_packet_unref(s->packet);
	return err == AVERROR_INVALIDDATA ? 0 : err;
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
	av_parser_parse2(s->parser, s->codec, &out, &n, s->packet->data, s->packet->size, AV_NOPTS_VALUE, AV_NOPTS_VALUE,
			 0);
	p->width = s->parser->width > 0 ? s->parser->width : 0;
	p->height = s->parser->height > 0 ? s->parser->height : 0;
}

int vigil_read_packet(vigil_source *s, int64_t timeout_us, vigil_packet *p)
{
	if (s->expired)
		return AVERROR_EXIT;
	vigil_give_time(s, timeout_us);
	for (;;) {
		av_packet_unref(s->packet);
		if (vigil_interrupted(s))
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
	int timed = vigil_is_timed(s->format);
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
