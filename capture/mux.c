//go:build cgo && gocv_videoio

// Writes packets to Matroska. See mux.go.
#include "ffmpeg.h"

#include <libavcodec/codec_desc.h>
#include <libavformat/avformat.h>
#include <string.h>

struct vigil_muxer {
	AVFormatContext *out;
	AVPacket *packet;
	uint8_t *records; // see vigil_mux_take
	size_t length, room;
	int64_t at, end; // write position and file size
};

enum { head = 2 * sizeof(int64_t), buffer_size = 64 << 10 };

static int keep(void *opaque, uint8_t *data, int size)
{
	vigil_muxer *m = opaque;
	if (m->length + head + size > m->room) {
		size_t room = 2 * (m->length + head + size);
		uint8_t *larger = av_realloc(m->records, room);
		if (!larger)
			return AVERROR(ENOMEM);
		m->records = larger;
		m->room = room;
	}
	int64_t where[2] = {m->at, size};
	memcpy(m->records + m->length, where, head);
	memcpy(m->records + m->length + head, data, size);
	m->length += head + size;
	m->at += size;
	if (m->end < m->at)
		m->end = m->at;
	return size;
}

static int64_t seek(void *opaque, int64_t offset, int whence)
{
	vigil_muxer *m = opaque;
	switch (whence & ~AVSEEK_FORCE) {
	case AVSEEK_SIZE:
		return m->end;
	case SEEK_CUR:
		offset += m->at;
		break;
	case SEEK_END:
		offset += m->end;
		break;
	case SEEK_SET:
		break;
	default:
		return AVERROR(EINVAL);
	}
	if (offset < 0 || offset > m->end)
		return AVERROR(EINVAL);
	return m->at = offset;
}

static int begin(vigil_muxer *m, const vigil_coding *c, const char *creation_time)
{
	const AVCodecDescriptor *codec = avcodec_descriptor_get_by_name(c->codec);
	if (!codec || codec->type != AVMEDIA_TYPE_VIDEO)
		return AVERROR_DECODER_NOT_FOUND;
	int err = avformat_alloc_output_context2(&m->out, NULL, "matroska", NULL);
	if (err < 0)
		return err;
	m->packet = av_packet_alloc();
	AVStream *st = avformat_new_stream(m->out, NULL);
	uint8_t *buffer = av_malloc(buffer_size);
	m->out->pb = buffer ? avio_alloc_context(buffer, buffer_size, 1, m, NULL, keep, seek) : NULL;
	if (!m->packet || !st || !m->out->pb) {
		if (!m->out->pb)
			av_free(buffer);
		return AVERROR(ENOMEM);
	}
	st->time_base = (AVRational){1, 1000};
	AVCodecParameters *par = st->codecpar;
	par->codec_type = AVMEDIA_TYPE_VIDEO;
	par->codec_id = codec->id;
	par->width = c->width;
	par->height = c->height;
	if (c->extra_size > 0) {
		par->extradata = av_mallocz(c->extra_size + AV_INPUT_BUFFER_PADDING_SIZE);
		if (!par->extradata)
			return AVERROR(ENOMEM);
		memcpy(par->extradata, c->extra, c->extra_size);
		par->extradata_size = c->extra_size;
	}
	if ((err = av_dict_set(&m->out->metadata, "creation_time", creation_time, 0)) < 0)
		return err;
	err = avformat_write_header(m->out, NULL);
	return err < 0 ? err : vigil_mux_flush(m);
}

int vigil_mux_new(vigil_muxer **to, const vigil_coding *c, const char *creation_time)
{
	av_log_set_level(AV_LOG_QUIET);
	vigil_muxer *m = av_mallocz(sizeof *m);
	if (!m)
		return AVERROR(ENOMEM);
	int err = begin(m, c, creation_time);
	if (err < 0) {
		vigil_mux_free(m);
		return err;
	}
	*to = m;
	return 0;
}

int vigil_mux_write(vigil_muxer *m, const uint8_t *data, int size, int64_t pts, int64_t dts, int key)
{
	const AVRational base = m->out->streams[0]->time_base, ns = {1, 1000000000};
	AVPacket *p = m->packet;
	p->data = (uint8_t *)data; // not modified
	p->size = size;
	p->pts = av_rescale_q(pts, ns, base);
	p->dts = av_rescale_q(dts, ns, base);
	p->stream_index = 0;
	p->flags = key ? AV_PKT_FLAG_KEY : 0;
	int err = av_write_frame(m->out, p);
	av_packet_unref(p);
	return err;
}

// Also writes the packets of the cluster that the muxer buffers.
int vigil_mux_flush(vigil_muxer *m)
{
	int err = av_write_frame(m->out, NULL);
	avio_flush(m->out->pb);
	return err < 0 ? err : m->out->pb->error;
}

int vigil_mux_end(vigil_muxer *m)
{
	int err = av_write_trailer(m->out);
	avio_flush(m->out->pb);
	return err < 0 ? err : m->out->pb->error;
}

size_t vigil_mux_take(vigil_muxer *m, const uint8_t **records)
{
	size_t n = m->length;
	*records = m->records;
	m->length = 0;
	return n;
}

void vigil_mux_free(vigil_muxer *m)
{
	if (!m)
		return;
	if (m->out && m->out->pb) {
		av_freep(&m->out->pb->buffer);
		avio_context_free(&m->out->pb);
	}
	avformat_free_context(m->out);
	av_packet_free(&m->packet);
	av_free(m->records);
	av_free(m);
}
