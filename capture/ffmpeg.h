// Reads a camera's URL with FFmpeg's libraries. See ffmpeg.go.
#include <stddef.h>
#include <stdint.h>

#include "guard.h"

typedef struct vigil_source vigil_source;

typedef struct {
	int width, height; // in pixels; 0 if unknown
	double fps;        // 0 if unknown
	int threads;       // of the decoder
	int tracks, covers, sounds; // as in vigil_tracks
	int still;                  // the format is a single image file
	int recorded;      // the end is known: a recording, whatever serves it
	int timed;         // frames have timestamps; else FFmpeg invents 25 a second
} vigil_info;

typedef struct {
	int width, height;
	int64_t pts;  // nanoseconds
	int timed;    // whether pts is set
	int same;     // luma equals the previous frame's, bit for bit
	int damaged;  // frames dropped before this one because the decoder reported damage
	// Since the source was opened: frames dropped for damage, and packets that gave no frame. They are also set when
	// there is no picture.
	uint64_t all_damaged, undecodable;
} vigil_picture;

// A container's tracks.
typedef struct {
	int tracks, covers, sounds; // video, cover image and audio tracks
	int cover_first;            // a cover image precedes the video track
	int width, height;          // in pixels, of the first video track, like the fields below
	int rotation;               // clockwise degrees that make it upright: 0, 90, 180 or 270
	int64_t frames;             // 0 if not declared
	double seconds;             // 0 if not declared
	int own_seconds;            // seconds is the track's own, not the container's
} vigil_tracks;

// Summary of the packets of a file's first video track.
typedef struct {
	int64_t packets;
	int64_t first, last; // nanoseconds, in presentation order
	int timed;           // whether first and last are set
	int torn;            // the last packet is incomplete
} vigil_scan;

typedef struct vigil_survey vigil_survey;

typedef struct {
	const char *codec; // FFmpeg's name
	const uint8_t *extra;
	int extra_size;
	int width, height;
} vigil_coding;

typedef struct {
	const uint8_t *data; // valid until the next call
	int size;
	int64_t pts, dts;    // nanoseconds
	int has_pts, has_dts;
	int key;
	int width, height; // 0 if the packet does not declare it
} vigil_packet;

// Functions return 0 or a negative FFmpeg error code. Options not listed here do not reach FFmpeg.
vigil_source *vigil_new(vigil_guard *g); // g must outlive the source
int vigil_open(vigil_source *s, const char *url, const char *transport, const char *protocols, const char *headers,
	       int known, int64_t timeout_us, vigil_info *info);
// vigil_read decodes the next frame. Before the first one it returns vigil_waiting after each timeout in which packets
// came, up to waits times.
int vigil_read(vigil_source *s, int64_t timeout_us, int waits, vigil_picture *p);
// Drops a packet; the next vigil_read starts at a key frame.
int vigil_skip(vigil_source *s, int64_t timeout_us);
int vigil_luma(vigil_source *s, uint8_t *to);                    // [height][width], 0 black to 255 white
int vigil_color(vigil_source *s, uint8_t *to, int w, int h);     // [h][w][3], BGR
// Makes the call in progress return; from any thread.
void vigil_stop(vigil_source *s);
void vigil_free(vigil_source *s);
int vigil_coding_of(vigil_source *s, vigil_coding *c);           // valid until vigil_free
int vigil_read_packet(vigil_source *s, int64_t timeout_us, vigil_packet *p);
int vigil_remux(const char *from, const char *to);               // file names
// s must be closed even after an error.
int vigil_survey_open(const char *path, const char *protocols, vigil_survey **s, vigil_tracks *t);
// Adds that many packets to the summary; vigil_eof at the end.
int vigil_survey_read(vigil_survey *s, int packets, vigil_scan *r);
void vigil_survey_close(vigil_survey *s);

// A muxer buffers its output until vigil_mux_take: records of an int64_t file offset, an int64_t length and the bytes.
typedef struct vigil_muxer vigil_muxer;
int vigil_mux_new(vigil_muxer **to, const vigil_coding *c, const char *creation_time);
// Times in nanoseconds; data must be followed by 64 zero bytes.
int vigil_mux_write(vigil_muxer *m, const uint8_t *data, int size, int64_t pts, int64_t dts, int key);
int vigil_mux_flush(vigil_muxer *m);
// Writes the index and the duration.
int vigil_mux_end(vigil_muxer *m);
// Records are valid until the next call.
size_t vigil_mux_take(vigil_muxer *m, const uint8_t **records);
void vigil_mux_free(vigil_muxer *m);
void vigil_large_size(const vigil_source *s, int *width, int *height); // after vigil_large
void vigil_reason(int code, char *text, size_t size);

// Error codes that the Go side distinguishes.
extern const int vigil_eof, vigil_exit, vigil_unauthorized, vigil_forbidden, vigil_not_found, vigil_client_error,
	vigil_server_error, vigil_waiting, vigil_large;
