// Which of a container's tracks is read, for every reader alike. See tracks.c.
#include <libavformat/avformat.h>

int vigil_first_video(const AVFormatContext *f, int *tracks, int *covers, int *sounds);
int vigil_rotation(const AVStream *st);
