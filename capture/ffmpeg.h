// A camera's URL, read with FFmpeg's libraries. See ffmpeg.go.
#include <stddef.h>
#include <stdint.h>

#include "guard.h"

typedef struct vigil_source vigil_source;

typedef struct {
	int width, height; // in pixels; 0 where unknown
	double fps;        // 0 where unknown
	int threads;       // that the decoder has
	int tracks, covers, sounds; // as in vigil_tracks
	int still;                  // it is in the form of a picture in a file
	int recorded;      // its end is known: it is a recording, whatever serves it
	int timed;         // its pictures have times; else FFmpeg makes some up, 25 a second
} vigil_info;

typedef struct {
	int width, height;
	int64_t pts;  // nanoseconds
	int timed;    // whether pts is one
	int same;     // luma is that of the picture before, bit for bit
	int damaged;  // pictures left out before this one, because the decoder said that they are damaged
} vigil_picture;

// What a file's container says of its tracks.
typedef struct {
	int tracks, covers, sounds; // of moving pictures, of single ones, of sound
	int cover_first;            // a single picture is in front of the moving ones
	int width, height;          // in pixels, of the first track of moving pictures, as the following
	int rotation;               // by how many degrees they are to be turned, clockwise: 0, 90, 180 or 270
	int64_t frames;             // 0 where it names none
	double seconds;             // 0 where it names none
	int own_seconds;            // these are not the whole container's
} vigil_tracks;

// What the packets of a file's first video track say.
typedef struct {
	int64_t packets;
	int64_t first, last; // nanoseconds, in order of display
	int timed;           // whether these are times
	int torn;            // the last packet is not whole
} vigil_scan;

typedef struct vigil_survey vigil_survey;

typedef struct {
	const char *codec; // FFmpeg's name
	const uint8_t *extra;
	int extra_size;
	int width, height;
} vigil_coding;

typedef struct {
	const uint8_t *data; // until the next call
	int size;
	int64_t pts, dts;    // nanoseconds
	int has_pts, has_dts;
	int key;
	int width, height; // 0 where the packet does not say
} vigil_packet;

// Each function returns 0 or a negative code of FFmpeg's. Options that are not named here do not reach FFmpeg.
vigil_source *vigil_new(vigil_guard *g); // which must be there until vigil_free
int vigil_open(vigil_source *s, const char *url, const char *transport, const char *protocols, const char *headers, int known, int64_t timeout_us, vigil_info *info);
// vigil_read gives the next picture. For the first one it returns vigil_waiting after each timeout in which packets came, so many times.
int vigil_read(vigil_source *s, int64_t timeout_us, int waits, vigil_picture *p);
int vigil_skip(vigil_source *s, int64_t timeout_us);             // passes over a packet; vigil_read then begins with a key frame
int vigil_luma(vigil_source *s, uint8_t *to);                    // [height][width], 0 black to 255 white
int vigil_color(vigil_source *s, uint8_t *to, int w, int h);     // [h][w][3], BGR
void vigil_stop(vigil_source *s);                                // makes what is under way return; from any thread
void vigil_free(vigil_source *s);
int vigil_coding_of(vigil_source *s, vigil_coding *c);           // until vigil_free
int vigil_read_packet(vigil_source *s, int64_t timeout_us, vigil_packet *p);
int vigil_remux(const char *from, const char *to);               // files' names
int vigil_survey_open(const char *path, const char *protocols, vigil_survey **s, vigil_tracks *t); // s is to be closed also after an error
int vigil_survey_read(vigil_survey *s, int packets, vigil_scan *r);         // adds so many packets; vigil_eof at the end
void vigil_survey_close(vigil_survey *s);


// A muxer keeps what it writes until that is taken: records of an int64_t, where in the file, an int64_t, how many bytes, and these.
typedef struct vigil_muxer vigil_muxer;
int vigil_mux_new(vigil_muxer **to, const vigil_coding *c, const char *creation_time);
int vigil_mux_write(vigil_muxer *m, const uint8_t *data, int size, int64_t pts, int64_t dts, int key); // nanoseconds; data has 64 bytes of zeros behind it
int vigil_mux_flush(vigil_muxer *m);
int vigil_mux_end(vigil_muxer *m);                                // with the index and the duration
size_t vigil_mux_take(vigil_muxer *m, const uint8_t **records);  // until the next call
void vigil_mux_free(vigil_muxer *m);
void vigil_large_size(const vigil_source *s, int *width, int *height); // after vigil_large
void vigil_reason(int code, char *text, size_t size);

// Codes that the Go side tells apart.
extern const int vigil_eof, vigil_exit, vigil_unauthorized, vigil_forbidden, vigil_not_found, vigil_client_error, vigil_server_error, vigil_waiting, vigil_large;
