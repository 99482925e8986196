//go:build cgo && gocv_videoio

package capture

// #cgo CFLAGS: -O2
// #cgo pkg-config: libavformat libavcodec libavutil libswscale
// #include <stdlib.h>
// #include "ffmpeg.h"
import "C"

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"vigil/capture/source"
	"vigil/internal/errcode"
	"vigil/video"
)

// libav reads a camera's URL with FFmpeg's own libraries. OpenCV uses them too, but it converts every frame to BGR,
// which takes longer than decoding, hides the cause of a failure, and returns garbage after a stream changes its size.
type libav struct {
	notes
	s       *C.vigil_source
	tunnel  *tunnel // nil if the connection needs none
	guard   *guard
	info    video.Info
	clock   ptsClock
	arrive  *arrivals // clock of a live source without timestamps, else nil
	timeout time.Duration
	threads int // decoder threads
	count   int
	still   bool // the source is a single image file
	waiting func(string)
	waits   int // read timeouts spent waiting for the first key frame
	damaged int // frames dropped since the last one returned
	errors  video.DecodeErrors
	size    [2]int
}

// openURL opens a camera's URL. Cancelling the context aborts it at any time.
func openURL(ctx context.Context, addr source.Address, o Options) (frameReader, video.Info, error) {
	if o.Reader == source.GoCV {
		return openURLWithGoCV(ctx, addr, o)
	}
	v := &libav{timeout: o.ReadTimeout, waiting: o.Waiting, clock: ptsClock{began: time.Now()}}
	ask, tunnel, err := newRequest(ctx, addr, o)
	v.tunnel = tunnel
	if err == nil {
		v.guard, err = newGuard(addr, o, tunnel)
	}
	if err == nil {
		if v.s = C.vigil_new(v.guard.g); v.s == nil {
			err = errors.New("no memory for FFmpeg")
		}
	}
	if err != nil {
		return nil, video.Info{}, errors.Join(err, v.close())
	}
	var known C.int
	if o.FPSHint > 0 {
		known = 1
	}
	stop := v.stopWith(ctx)
	var info C.vigil_info
	code := call(func(s ...*C.char) C.int {
		return C.vigil_open(v.s, s[0], s[1], s[2], s[3], known, C.int64_t(o.OpenTimeout.Microseconds()), &info)
	}, ask.url, ask.transport, ask.protocols, ask.headers)
	stop()
	if code < 0 {
		redirect, large := v.guard.refused(), v.sizeError(code)
		_ = v.close() // always nil
		switch {
		case ctx.Err() != nil:
			return nil, video.Info{}, ctx.Err()
		case redirect != nil:
			return nil, video.Info{}, redirect
		case large != nil:
			return nil, video.Info{}, large
		}
		if err := (tracks{
			videos: int(info.tracks), covers: int(info.covers),
			sounds: int(info.sounds),
		}).check(); err != nil {
			return nil, video.Info{}, fmt.Errorf("%w: %w", errNoVideo, err)
		}
		return nil, video.Info{}, explainCode(ctx, addr, code, o)
	}
	v.add(tracks{videos: int(info.tracks), width: int(info.width), height: int(info.height)}.note())
	v.threads, v.still = int(info.threads), info.still != 0
	v.info = video.Info{
		Width: int(info.width), Height: int(info.height),
		FPS: stabiliseFPS(saneFPS(float64(info.fps)),
			o.FPSHint),
	}
	if v.info.Width <= 0 || v.info.Height <= 0 {
		_ = v.close() // always nil
		return nil, video.Info{},
			fmt.Errorf("the pictures are of %dx%d pixels, or none came within %v (where the camera's key frames, its "+
				"I-frame interval or "+
				"GOP, are farther apart, set them to 1 to 4 s in the camera, or raise open_timeout): %w", v.info.Width,
				v.info.Height, o.OpenTimeout, errNoVideo)
	}
	if info.timed == 0 && info.recorded == 0 {
		v.arrive, v.info.FPS = new(arrivals), 0
	}
	v.clock.live, v.clock.step = info.recorded == 0, 40*time.Millisecond
	if v.info.FPS > 0 {
		v.clock.step = time.Duration(float64(time.Second) / v.info.FPS)
	}
	return v, v.info, nil
}

// request holds FFmpeg's options. Empty ones are not set.
type request struct{ url, transport, protocols, headers string }

// newRequest sets up the tunnel if a certificate has to be verified. FFmpeg then connects to the tunnel only.
func newRequest(ctx context.Context, addr source.Address, o Options) (request, *tunnel, error) {
	w := addr.URL()
	overTLS := strings.HasSuffix(w.Scheme, "s")
	r := request{url: addr.Reveal(), protocols: "http,https,tcp,tls,crypto,data"}
	if strings.HasPrefix(w.Scheme, "rtsp") {
		r.protocols, r.transport = "rtsp,rtsps,rtp,udp,tcp,tls", o.Transport
	}
	if !overTLS || o.Trust.Any() {
		return r, nil, nil
	}
	t, url, err := openTunnel(ctx, addr, o.Trust, o.OpenTimeout)
	if err != nil {
		return r, nil, err
	}
	r.url = url
	if r.transport != "" {
		r.protocols, r.transport = "rtsp,rtp,tcp", "tcp"
	} else {
		r.protocols, r.headers = "http,tcp,crypto,data", "Host: "+hostHeader(w)+"\r\n"
	}
	return r, t, nil
}

func hostHeader(w source.URL) string {
	if w.Port == "443" && !strings.Contains(w.Host, ":") {
		return w.Host
	}
	return net.JoinHostPort(w.Host, w.Port)
}

// call passes strings to C for the duration of one call.
func call(f func(...*C.char) C.int, args ...string) C.int {
	cs := make([]*C.char, len(args))
	for i, a := range args {
		cs[i] = C.CString(a)
		defer C.free(unsafe.Pointer(cs[i]))
	}
	return f(cs...)
}

// stopWith aborts FFmpeg's work when ctx is cancelled. The returned function must be called before the source is freed.
func (v *libav) stopWith(ctx context.Context) func() {
	broken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		C.vigil_stop(v.s)
		close(broken)
	})
	return func() {
		if !stop() {
			<-broken
		}
	}
}

func (v *libav) read(ctx context.Context, f *video.Frame) error {
	stop := v.stopWith(ctx)
	var p C.vigil_picture
	code := v.readFrame(&p)
	stop()
	v.errors = video.DecodeErrors{Frames: uint64(p.all_damaged), Packets: uint64(p.undecodable)}
	if code < 0 {
		return v.readError(ctx, code)
	}
	v.damaged = int(p.damaged)
	f.Width, f.Height, f.Channels = int(p.width), int(p.height), 1
	f.Same = p.same != 0
	v.size = [2]int{f.Width, f.Height}
	if n := f.Width * f.Height; cap(f.Pix) < n {
		f.Pix = make([]byte, n)
	} else {
		f.Pix = f.Pix[:n]
	}
	if code := C.vigil_luma(v.s, (*C.uint8_t)(unsafe.SliceData(f.Pix))); code < 0 {
		return fmt.Errorf("%w after %d frames: no grey picture: %s", ErrLost, v.count, codeText(code))
	}
	v.count++
	f.Discontinuity = false
	if v.arrive != nil {
		f.PTS = v.arrive.at(time.Now())
		return nil
	}
	if p.timed != 0 || v.count == 1 {
		f.PTS, f.Discontinuity = v.clock.at(time.Duration(p.pts), time.Now())
	} else {
		f.PTS = v.clock.untimed(time.Now())
	}
	v.add(v.clock.note())
	return nil
}

// sizeError returns an error with the frame's size if code says that the frame is too large, else nil.
func (v *libav) sizeError(code C.int) error {
	if code != C.vigil_large {
		return nil
	}
	var w, h C.int
	C.vigil_large_size(v.s, &w, &h) //nolint:gocritic // what cgo makes of a pointer compares it with itself
	return checkPixels(int(w), int(h))
}

// readError explains why no more frames come.
func (v *libav) readError(ctx context.Context, code C.int) error {
	redirect, large := v.guard.refused(), v.sizeError(code)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case redirect != nil:
		return redirect
	case large != nil:
		return errcode.CameraTooLarge.Wrap(fmt.Errorf("%w after %d frames: %w", ErrLost, v.count, large))
	case code == C.vigil_exit && v.waits > 0 && v.count == 0:
		return errcode.CameraNoPicture.Wrap(fmt.Errorf(
			"%w after 0 frames: no key frame came within %v, although video did: the camera's key frames (I-frame "+
				"interval, GOP) are farther apart, "+
				"or it sends none; set them to 1 to 4 s in the camera, or raise read_timeout", ErrLost,
			time.Duration(v.waits+1)*v.timeout))
	case code == C.vigil_exit:
		return errcode.CameraNoPicture.Wrap(fmt.Errorf("%w after %d frames: no picture came within %v", ErrLost,
			v.count, v.timeout))
	case code == C.vigil_eof && v.count == 1 && v.still:
		return fmt.Errorf("%w: this address gives a single picture and no stream; the camera's video has another one",
			ErrLost)
	case code == C.vigil_eof:
		return fmt.Errorf("%w after %d frames: the other side hung up", ErrLost, v.count)
	}
	return fmt.Errorf("%w after %d frames: %s", ErrLost, v.count, codeText(code))
}

// readFrame decodes the next frame. While packets arrive, it waits for the first key frame for longer than the read
// timeout.
func (v *libav) readFrame(p *C.vigil_picture) C.int {
	for {
		code := C.vigil_read(v.s, C.int64_t(v.timeout.Microseconds()), KeyFrameWaits-1, p)
		if code != C.vigil_waiting {
			return code
		}
		if v.waits++; v.waiting != nil {
			v.waiting(fmt.Sprintf("packets arrive, but no key frame within %v: waiting for one up to %v", v.timeout,
				KeyFrameWaits*v.timeout))
		}
	}
}

// skip drops a packet without decoding it.
func (v *libav) skip(ctx context.Context) error {
	stop := v.stopWith(ctx)
	code := C.vigil_skip(v.s, C.int64_t(v.timeout.Microseconds()))
	stop()
	if code < 0 {
		return v.readError(ctx, code)
	}
	return nil
}

// skipped is the number of frames dropped before the last one.
func (v *libav) skipped() int { return v.damaged }

func (v *libav) decodeErrors() video.DecodeErrors { return v.errors }

// color converts the last frame to colour at w x h pixels.
func (v *libav) color(to []byte, w, h int) error {
	if v.count == 0 || w < 1 || h < 1 || len(to) != w*h*3 {
		return errors.New("no such picture")
	}
	if code := C.vigil_color(v.s, (*C.uint8_t)(unsafe.SliceData(to)), C.int(w), C.int(h)); code < 0 {
		return errors.New(codeText(code))
	}
	return nil
}

func (v *libav) close() error {
	C.vigil_free(v.s)
	v.s = nil
	v.guard.free()
	if v.tunnel != nil {
		v.tunnel.close()
	}
	return nil
}

func codeText(code C.int) string {
	var text [128]C.char
	C.vigil_reason(code, &text[0], C.size_t(len(text)))
	return C.GoString(&text[0])
}

// explainCode explains why a camera cannot be opened. If FFmpeg's code is not specific, it asks the server again.
func explainCode(ctx context.Context, addr source.Address, code C.int, o Options) error {
	login := strings.Contains(addr.Reveal(), "@")
	switch code {
	case C.vigil_exit:
		return errcode.CameraUnreachable.Wrap(fmt.Errorf("the server does not answer: %w", os.ErrDeadlineExceeded))
	case C.vigil_unauthorized:
		return explainUnauthorized(ctx, addr, o)
	case C.vigil_forbidden:
		return explainStatus(403, login)
	case C.vigil_not_found:
		return explainStatus(404, login)
	}
	switch errno := syscall.Errno(-code); errno { //nolint:gosec // FFmpeg's own codes are far from the system's.
	case syscall.ECONNREFUSED, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ECONNRESET, syscall.ETIMEDOUT,
		syscall.EPIPE:
		return errcode.CameraUnreachable.Wrap(fmt.Errorf("no connection: %w", errno))
	}
	if err := explainURL(ctx, addr, o, min(o.OpenTimeout, explainTimeout)); err != nil {
		return err
	}
	return fmt.Errorf("%w: %s", errNoVideo, codeText(code))
}
