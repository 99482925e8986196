// Selects which of a container's tracks every reader uses. See tracks.c.
#include <libavformat/avformat.h>

int vigil_first_video(const AVFormatContext *f, int *tracks, int *covers, int *sounds);
int vigil_rotation(const AVStream *st);
