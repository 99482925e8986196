// What the C files that read a camera share; Go sees only ffmpeg.h.
#ifndef VIGIL_FFMPEG_SOURCE_H
#define VIGIL_FFMPEG_SOURCE_H

#include "ffmpeg.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libswscale/swscale.h>
#include <stdatomic.h>

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
	int decoded;         // a frame was returned
	int damaged;         // frames dropped since the last one returned
	uint64_t all_damaged, undecodable; // as in vigil_picture
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

int64_t vigil_now_us(void); // monotonic
// Sets the time left for the current call.
void vigil_give_time(vigil_source *s, int64_t us);
// FFmpeg calls this ten times a second while it waits for the network. A step counts as one second at most, so that a
// suspended process or machine, which is not the camera's fault, does not cause a timeout.
int vigil_interrupted(void *source);
// Returns whether a frame was refused for its size since the last call.
int vigil_is_large(vigil_source *s);
// Single images over HTTP and raw streams have no timestamps; FFmpeg invents 25 a second.
int vigil_is_timed(const AVFormatContext *f);

// vigil_is_upright returns 0 if rotation swaps width and height.
static inline int vigil_is_upright(const vigil_source *s) { return s->rotation % 180 == 0; }

#endif
