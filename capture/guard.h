// Restricts FFmpeg's connections and limits the size of its frames. See guard.c.
#include <stdint.h>

typedef struct vigil_guard vigil_guard;

vigil_guard *vigil_guard_new(void);
void vigil_guard_free(vigil_guard *g);
// Port 0 allows every port. Returns 0, or -1 if there is no room.
int vigil_guard_allow(vigil_guard *g, const char *host, int port);
// Calls of this thread are guarded from now on; NULL ends it.
void vigil_guard_enter(vigil_guard *g);
// The first refused host, with its port; empty if none.
const char *vigil_guard_refused(const vigil_guard *g);
// Whether the calls of FFmpeg's libraries are intercepted.
int vigil_guard_works(void);

#define VIGIL_MOST_PIXELS (1 << 25)
// The size of the last frame refused since the previous call; returns 0 if there is none.
int vigil_too_large(int *width, int *height);
