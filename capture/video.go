//go:build cgo && gocv_videoio

package capture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"vigil/internal/errcode"
	"vigil/video"

	"gocv.io/x/gocv"
)

// GoCV does not define these properties yet.
const (
	propOrientation     gocv.VideoCaptureProperties = 48 // CAP_PROP_ORIENTATION_META
	propOrientationAuto gocv.VideoCaptureProperties = 49 // CAP_PROP_ORIENTATION_AUTO
	propOpenTimeout     gocv.VideoCaptureProperties = 53 // CAP_PROP_OPEN_TIMEOUT_MSEC
	propReadTimeout     gocv.VideoCaptureProperties = 54 // CAP_PROP_READ_TIMEOUT_MSEC
)

// opencvReader reads through OpenCV. Only the Stream's lock prevents a close during a read.
type opencvReader struct {
	notes
	vc      *gocv.VideoCapture
	img     gocv.Mat
	turned  gocv.Mat // img made upright, if it has a rotation
	turn    int      // clockwise degrees
	ahead   gocv.Mat // frame read ahead to interpret a missing timestamp
	isAhead bool
	aheadAt time.Duration
	clock   ptsClock
	arrive  *arrivals // clock of a live source without timestamps, else nil
	info    video.Info
	live    bool
	timeout time.Duration // of one read
	count   int
	tunnel  *tunnel // nil if the connection needs none
	guard   *guard  // nil except for URLs
	path    string  // of a file, else empty
	tracks  tracks  // likewise
	scan    *scan   // of the file's packets, if it seemed to end too early
}

// openFile passes an absolute path to FFmpeg, in which it sees no protocol, and allows only the file protocol, so that
// playlists cannot reach the network.
func openFile(ctx context.Context, path string, o Options) (frameReader, video.Info, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, video.Info{}, err
	}
	_ = tooLarge() // discard the record of another stream's frame
	found, surveyErr := survey(abs, "file")
	if err := found.check(); err != nil {
		return nil, video.Info{}, fmt.Errorf("%w: %w", errNoVideo, err)
	}
	if err := checkPixels(found.width, found.height); err != nil {
		return nil, video.Info{}, err
	}
	v, err := openFFmpeg(ctx, abs, "protocol_whitelist;file", o, nil)
	if err != nil {
		if large := tooLarge(); large != nil {
			return nil, video.Info{}, large
		}
		if why := explainFile(abs); why != nil {
			err = fmt.Errorf("%w: %w", err, why)
		}
		return nil, video.Info{}, err
	}
	if surveyErr == nil {
		v.setTracks(found)
	}
	v.path = abs
	return v, v.info, nil
}

// setTracks replaces OpenCV's values, which derive from the container's length, by those of the video track itself.
func (v *opencvReader) setTracks(t tracks) {
	v.tracks = t
	v.setTurn(t.rotation)
	v.add(t.note())
	switch {
	case t.frames > 0:
		v.info.Frames = t.frames
	case v.info.FPS > 0 && t.length > 0:
		v.info.Frames = int(t.length.Seconds()*v.info.FPS + 0.5)
	}
}

// openDevice uses V4L2 on Linux and OpenCV's default elsewhere.
func openDevice(path string, o Options) (frameReader, video.Info, error) {
	digits, ok := strings.CutPrefix(path, "device:")
	if !ok {
		real, err := filepath.EvalSymlinks(path)
		if err != nil {
			return nil, video.Info{}, fmt.Errorf("no such device: %w", err)
		}
		digits = strings.TrimPrefix(real, "/dev/video")
	}
	n, err := strconv.Atoi(digits)
	if err != nil {
		return nil, video.Info{}, errors.New("a device is /dev/videoN, or a link to it, or device:N")
	}
	api := gocv.VideoCaptureAny
	if runtime.GOOS == "linux" {
		api = gocv.VideoCaptureV4L2
	}
	vc, err := gocv.VideoCaptureDeviceWithAPI(n, api)
	v, err := newVideo(vc, err, o)
	if err != nil {
		return nil, video.Info{}, err
	}
	v.live, v.clock.live = true, true
	return v, v.info, nil
}

// openFFmpeg never returns GoCV's error, because it contains the password.
func openFFmpeg(ctx context.Context, url, options string, o Options, g *guard) (*opencvReader, error) {
	var v *opencvReader
	var err error
	if envErr := withFFmpegOptions(ctx, options, func() {
		var vc *gocv.VideoCapture
		g.do(func() {
			vc, err = gocv.VideoCaptureFileWithAPIParams(url, gocv.VideoCaptureFFmpeg, []gocv.VideoCaptureProperties{
				propOpenTimeout, gocv.VideoCaptureProperties(o.OpenTimeout.Milliseconds()),
				propReadTimeout, gocv.VideoCaptureProperties(o.ReadTimeout.Milliseconds()),
			})
		})
		v, err = newVideo(vc, err, o)
	}); envErr != nil {
		return nil, envErr
	}
	if err == nil {
		v.guard = g
	}
	return v, err
}

// decode reads the next frame and reports whether there was one.
func (v *opencvReader) decode(to *gocv.Mat) (ok bool) {
	v.guard.do(func() { ok = v.vc.Read(to) })
	return ok && !to.Empty()
}

// newVideo takes ownership of the capture, which exists even if opening failed.
func newVideo(vc *gocv.VideoCapture, err error, o Options) (*opencvReader, error) {
	if err != nil || !vc.IsOpened() {
		return nil, errors.Join(errNoVideo, vc.Close())
	}
	vc.Set(propOrientationAuto, 0)
	v := &opencvReader{vc: vc, clock: ptsClock{began: time.Now()}, timeout: o.ReadTimeout, info: video.Info{
		Width:  int(vc.Get(gocv.VideoCaptureFrameWidth)),
		Height: int(vc.Get(gocv.VideoCaptureFrameHeight)),
		FPS:    saneFPS(vc.Get(gocv.VideoCaptureFPS)),
	}}
	if n := vc.Get(gocv.VideoCaptureFrameCount); n > 0 && n < 1<<40 && v.info.FPS > 0 {
		v.info.Frames = int(n)
	}
	if v.info.Width <= 0 || v.info.Height <= 0 {
		return nil, errors.Join(errNoVideo, vc.Close())
	}
	v.clock.step = 40 * time.Millisecond
	if v.info.FPS > 0 {
		v.clock.step = time.Duration(float64(time.Second) / v.info.FPS)
	}
	v.img, v.turned, v.ahead = gocv.NewMat(), gocv.NewMat(), gocv.NewMat()
	return v, nil
}

func (v *opencvReader) close() error {
	var err error
	v.guard.do(func() { err = v.vc.Close() })
	err = errors.Join(err, v.img.Close(), v.turned.Close(), v.ahead.Close())
	if v.tunnel != nil {
		v.tunnel.close()
	}
	v.guard.free()
	return err
}

func (v *opencvReader) read(ctx context.Context, f *video.Frame) error {
	var raw time.Duration
	switch {
	case v.isAhead:
		v.img, v.ahead, v.isAhead = v.ahead, v.img, false
		raw = v.aheadAt
	case v.grab(&v.img):
		raw = v.position()
	case v.endsEarly():
		if ok, err := v.grabAfterAudio(ctx); err != nil {
			return err
		} else if !ok {
			return v.endError()
		}
		raw = v.position()
	default:
		return v.endError()
	}
	f.PTS, f.Discontinuity = v.time(raw)
	v.add(v.clock.note())
	v.count++
	upright := &v.img
	if code, ok := turns[v.turn]; ok {
		upright = &v.turned
		if err := gocv.Rotate(v.img, upright, code); err != nil {
			return err
		}
	}
	f.Same = v.live && v.isSame(f, upright)
	return copyPixels(f, upright)
}

var turns = map[int]gocv.RotateFlag{
	90: gocv.Rotate90Clockwise, 180: gocv.Rotate180Clockwise,
	270: gocv.Rotate90CounterClockwise,
}

// setTurn sets the rotation that makes frames upright. OpenCV 4.6 rotates by itself unless disabled, and turns 90
// degrees in the wrong direction.
func (v *opencvReader) setTurn(degrees int) {
	v.turn = degrees
	if degrees%180 != 0 {
		v.info.Width, v.info.Height = v.info.Height, v.info.Width
	}
}

// time uses the next frame to interpret a zero timestamp: a decoder that flushes its buffered frames reports zero up to
// the end, whereas a recording whose clock restarts continues from there.
func (v *opencvReader) time(raw time.Duration) (pts time.Duration, cut bool) {
	now := time.Now()
	if v.arrive != nil {
		return v.arrive.at(now), false
	}
	if raw != 0 || v.clock.raw <= 0 {
		return v.clock.at(raw, now)
	}
	if v.grab(&v.ahead) {
		v.isAhead, v.aheadAt = true, v.position()
		if v.aheadAt != 0 {
			return v.clock.at(raw, now)
		}
	}
	return v.clock.untimed(now), false
}

func (v *opencvReader) position() time.Duration {
	return time.Duration(v.vc.Get(gocv.VideoCapturePosMsec) * float64(time.Millisecond))
}

// grab reads a frame. A single failure may be a bad packet; several, or one that took the whole timeout, mean the end.
func (v *opencvReader) grab(to *gocv.Mat) bool {
	const tries = 8
	ok, _ := v.grabWithin(context.Background(), to, tries) // only the context gives an error
	return ok
}

// isSame compares m with the previous frame, which f still holds.
func (v *opencvReader) isSame(f *video.Frame, m *gocv.Mat) bool {
	data, err := m.DataPtrUint8()
	return err == nil && v.count > 1 && bytes.Equal(data, f.Pix)
}

// endsEarly reports whether a recording may hold more than was read.
func (v *opencvReader) endsEarly() bool {
	switch {
	case v.path == "" && v.info.Frames > 0:
		return float64(v.info.Frames)/v.info.FPS > (v.clock.last + v.clock.step + v.tolerance()).Seconds()
	case v.path == "":
		return false
	}
	slack := int(v.tolerance() / v.clock.step)
	return v.tracks.length <= 0 || v.tracks.length-(v.clock.last+v.clock.step) > v.tolerance() ||
		v.tracks.frames > v.count+slack
}

// audioAtOnce is the number of packets of other tracks after which OpenCV assumes the end of the file.
const audioAtOnce = 512

// grabAfterAudio continues after a long stretch of audio if the file's packets show that more frames follow.
func (v *opencvReader) grabAfterAudio(ctx context.Context) (bool, error) {
	if v.path == "" {
		const tries = 4096 // two million packets
		return v.grabWithin(ctx, &v.img, tries)
	}
	if v.scan == nil {
		s, err := scanFile(ctx, v.path)
		if err != nil {
			return false, err
		}
		v.scan = &s
	}
	st, err := os.Stat(v.path)
	if err != nil || v.missingTime(v.scan) == 0 {
		return false, nil //nolint:nilerr // A file that is gone has no more.
	}
	const smallest = 16 // bytes of a packet with what the container adds
	return v.grabWithin(ctx, &v.img, 64+st.Size()/(smallest*audioAtOnce))
}

// grabWithin reads a frame in at most tries attempts. A live source gets one if it takes the whole timeout.
func (v *opencvReader) grabWithin(ctx context.Context, to *gocv.Mat, tries int64) (bool, error) {
	began := time.Now()
	for range tries {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if v.decode(to) {
			return true, nil
		}
		if v.live && time.Since(began) > v.timeout*9/10 {
			break
		}
	}
	return false, nil
}

// endError explains why no more frames come.
func (v *opencvReader) endError() error {
	redirect, large := v.guard.refused(), tooLarge()
	switch {
	case redirect != nil:
		return redirect
	case large != nil && v.live:
		return errcode.CameraTooLarge.Wrap(fmt.Errorf("%w after %d frames: %w", ErrLost, v.count, large))
	case large != nil:
		return fmt.Errorf("after %d frames: %w", v.count, large)
	case v.live:
		return fmt.Errorf("%w after %d frames: no picture came within %v, or the other side hung up", ErrLost,
			v.count, v.timeout)
	case v.count == 0:
		return errors.Join(errNoVideo, errors.New("not one frame could be decoded"))
	case v.scan != nil:
		if err := v.explainEnd(v.scan); err != nil {
			return err
		}
	}
	return io.EOF
}

// copyPixels copies a frame out of OpenCV's memory.
func copyPixels(f *video.Frame, m *gocv.Mat) error {
	switch m.Type() {
	case gocv.MatTypeCV8UC1:
		f.Channels = 1
	case gocv.MatTypeCV8UC3:
		f.Channels = 3
	default:
		return fmt.Errorf("the picture has %d channels of an odd kind; wanted grey or colour of 8 bits", m.Channels())
	}
	data, err := m.DataPtrUint8()
	if err != nil {
		return err
	}
	f.Width, f.Height = m.Cols(), m.Rows()
	f.Pix = append(f.Pix[:0], data...)
	return nil
}
