//go:build cgo && gocv_videoio

#include "ffmpeg.h"

#include <libavformat/avformat.h>

static int copy_packets(AVFormatContext *in, int stream, AVFormatContext *out)
{
	AVPacket *p = av_packet_alloc();
	if (!p)
		return AVERROR(ENOMEM);
	int err;
	while ((err = av_read_frame(in, p)) >= 0) {
		if (p->stream_index != stream) {
			av_packet_unref(p);
			continue;
		}
		p->stream_index = 0;
		p->pos = -1;
		av_packet_rescale_ts(p, in->streams[stream]->time_base, out->streams[0]->time_base);
		err = av_interleaved_write_frame(out, p); // takes ownership of p's data
		if (err < 0)
			break;
	}
	av_packet_free(&p);
	return err == AVERROR_EOF ? 0 : err;
}

static int copy_video(AVFormatContext *in, AVFormatContext *out, const char *to)
{
	int err = avformat_find_stream_info(in, NULL);
	int stream = err < 0 ? err : av_find_best_stream(in, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
	if (stream < 0)
		return stream;
	AVStream *st = avformat_new_stream(out, NULL);
	if (!st)
		return AVERROR(ENOMEM);
	if ((err = avcodec_parameters_copy(st->codecpar, in->streams[stream]->codecpar)) < 0)
		return err;
	st->codecpar->codec_tag = 0; // tags are specific to the container
	if ((err = avio_open(&out->pb, to, AVIO_FLAG_WRITE)) < 0)
		return err;
	AVDictionary *options = NULL;
	err = av_dict_set(&options, "movflags", "+faststart", 0); // other containers have no such option and ignore it
	if (err >= 0)
		err = avformat_write_header(out, &options);
	av_dict_free(&options);
	if (err >= 0)
		err = copy_packets(in, stream, out);
	if (err >= 0)
		err = av_write_trailer(out);
	int closed = avio_closep(&out->pb);
	return err < 0 ? err : closed;
}

int vigil_remux(const char *from, const char *to)
{
	av_log_set_level(AV_LOG_QUIET);
	AVFormatContext *in = NULL, *out = NULL;
	AVDictionary *options = NULL;
	int err = av_dict_set(&options, "protocol_whitelist", "file", 0);
	if (err >= 0)
		err = avformat_open_input(&in, from, NULL, &options);
	av_dict_free(&options);
	if (err >= 0)
		err = avformat_alloc_output_context2(&out, NULL, NULL, to);
	if (err >= 0)
		err = copy_video(in, out, to);
	avformat_free_context(out);
	avformat_close_input(&in);
	return err;
}
