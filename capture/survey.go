//go:build cgo && gocv_videoio

package capture

// #include "ffmpeg.h"
import "C"

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// tracks describes a container's tracks. OpenCV does not expose this.
type tracks struct {
	videos, covers, sounds int
	coverFirst             bool
	width, height          int           // of the first video track, like the fields below
	rotation               int           // clockwise degrees that make frames upright
	frames                 int           // 0 if unknown
	length                 time.Duration // 0 if unknown
	own                    bool          // length is the track's own, not the container's
}

// survey reads the header of a file or URL with FFmpeg's libraries.
func survey(path, protocols string) (tracks, error) {
	var s *C.vigil_survey
	var t C.vigil_tracks
	open := func(c ...*C.char) C.int {
		return C.vigil_survey_open(c[0], c[1], &s, &t) //nolint:gocritic // cgo compares a pointer with itself
	}
	code := call(open, path, protocols)
	C.vigil_survey_close(s)
	if code < 0 {
		return tracks{}, errors.New(codeText(code))
	}
	return tracks{
		videos: int(t.tracks), covers: int(t.covers), sounds: int(t.sounds), coverFirst: t.cover_first != 0,
		width: int(t.width), height: int(t.height),
		rotation: int(t.rotation), frames: int(t.frames),
		length: time.Duration(float64(t.seconds) * float64(time.Second)),
		own:    t.own_seconds != 0,
	}, nil
}

// check explains why GoCV cannot read the first video of such a file, or returns nil.
func (t tracks) check() error {
	switch {
	case t.videos == 0 && t.covers > 0:
		return errors.New("it has a cover picture and no video")
	case t.videos == 0 && t.sounds > 0:
		return errors.New("it has sound only")
	case t.coverFirst:
		return errors.New(
			"a cover picture is in front of its video; leave that out (ffmpeg -i IN -map 0:V -c copy OUT)")
	}
	return nil
}

// note names the track that is read if there are several.
func (t tracks) note() string {
	if t.videos < 2 {
		return ""
	}
	return fmt.Sprintf("%d video tracks: the first is read, %dx%d", t.videos, t.width, t.height)
}

// scan summarises the packets of a file's first video track.
type scan struct {
	packets  int
	duration time.Duration // from the first frame to the last
	torn     bool          // the last packet is incomplete
	err      error         // why reading stopped before the end
}

// scanFile reads a file's packets without decoding them.
func scanFile(ctx context.Context, path string) (scan, error) {
	const atOnce = 1000
	var s *C.vigil_survey
	var t C.vigil_tracks
	var r C.vigil_scan
	open := func(c ...*C.char) C.int {
		return C.vigil_survey_open(c[0], c[1], &s, &t) //nolint:gocritic // cgo compares a pointer with itself
	}
	code := call(open, path, "file")
	defer func() { C.vigil_survey_close(s) }()
	for code == 0 {
		if ctx.Err() != nil {
			return scan{}, ctx.Err()
		}
		code = C.vigil_survey_read(s, atOnce, &r)
	}
	out := scan{packets: int(r.packets), duration: time.Duration(r.last - r.first), torn: r.torn != 0}
	if code != C.vigil_eof {
		out.err = errors.New(codeText(code))
	}
	return out, nil
}

// explainEnd explains why fewer frames were read than the file holds, or returns nil if nothing indicates that. The
// container's length alone does not: it is that of the longest track, from wherever that starts.
func (v *opencvReader) explainEnd(s *scan) error {
	f, err := os.Open(v.path)
	if err != nil {
		return stripPath(err)
	}
	defer func() { _ = f.Close() }()
	st, err := f.Stat()
	if err != nil {
		return stripPath(err)
	}
	lacks := v.missingTime(s)
	switch end := namedSize(f, st.Size()); {
	case end > st.Size():
		return fmt.Errorf("%w after %d frames: its container names %d bytes, it has %d", ErrTruncated, v.count,
			end, st.Size())
	case s.err != nil:
		return fmt.Errorf("%w after %d frames, or damaged: %w", ErrTruncated, v.count, s.err)
	case s.torn && isFLV(f):
		return fmt.Errorf("%w after %d frames: the last picture's data are not whole", ErrTruncated, v.count)
	case v.tracks.own && endsInZeros(f, st.Size()):
		return fmt.Errorf("%w after %d frames, or damaged: there are only zeros at its end", ErrTruncated, v.count)
	case lacks > 0:
		return fmt.Errorf("%w after %d frames, or damaged: what it holds of the last %v cannot be decoded",
			ErrTruncated, v.count, lacks.Round(100*time.Millisecond))
	}
	return nil
}

// missingTime is the duration in the file after the last frame that could be decoded, 0 within the tolerance.
func (v *opencvReader) missingTime(s *scan) time.Duration {
	missing := s.duration - v.clock.last
	if missing > v.tolerance() && s.packets > v.count+int(v.tolerance()/v.clock.step) {
		return missing
	}
	return 0
}

func (v *opencvReader) tolerance() time.Duration { return max(3*v.clock.step, time.Second/2) }
