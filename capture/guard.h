// Where FFmpeg may connect to, and how large its pictures may be. See guard.c.
#include <stdint.h>

typedef struct vigil_guard vigil_guard;

vigil_guard *vigil_guard_new(void);
void vigil_guard_free(vigil_guard *g);
int vigil_guard_allow(vigil_guard *g, const char *host, int port); // a port of 0 is every one; 0, or -1 where there is no room
void vigil_guard_enter(vigil_guard *g);                            // what this thread does from now on is guarded; NULL ends it
const char *vigil_guard_refused(const vigil_guard *g);             // the first host that was refused, with its port; empty for none
int vigil_guard_works(void);                                       // whether FFmpeg's libraries pass by here

#define VIGIL_MOST_PIXELS (1 << 25)
int vigil_too_large(int *width, int *height); // the last picture that was refused since the call before; 0 for none
