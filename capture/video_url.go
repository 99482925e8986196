//go:build cgo && gocv_videoio

package capture

import (
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"vigil/capture/source"
	"vigil/video"

	"gocv.io/x/gocv"
)

// openURLWithGoCV opens a camera's URL like a file. The context is checked before and after.
func openURLWithGoCV(ctx context.Context, addr source.Address, o Options) (frameReader, video.Info, error) {
	began := time.Now()
	ask, tunnel, err := newRequest(ctx, addr, o)
	if err != nil {
		return nil, video.Info{}, err
	}
	guard, err := newGuard(addr, o, tunnel)
	if err != nil {
		if tunnel != nil {
			tunnel.close()
		}
		return nil, video.Info{}, err
	}
	_ = tooLarge() // discard the record of another stream's frame
	v, err := openFFmpeg(ctx, ask.url, ask.options(), o, guard)
	if err != nil {
		redirect, large := guard.refused(), tooLarge()
		guard.free()
		if tunnel != nil {
			tunnel.close()
		}
		switch {
		case ctx.Err() != nil:
			return nil, video.Info{}, ctx.Err()
		case redirect != nil:
			return nil, video.Info{}, redirect
		case large != nil:
			return nil, video.Info{}, large
		}
		if why := explainURL(ctx, addr, o, min(o.OpenTimeout, explainTimeout)); why != nil &&
			!errors.Is(err, context.Canceled) {
			return nil, video.Info{}, why
		}
		return nil, video.Info{}, err
	}
	if v.vc.Get(propOrientation) != 0 { // only files on a server have a rotation
		guard.do(func() {
			if t, err := survey(ask.url, ask.protocols); err == nil {
				v.setTurn(t.rotation)
			}
		})
	}
	v.tunnel, v.live = tunnel, true
	v.info.FPS = stabiliseFPS(v.info.FPS, o.FPSHint)
	v.clock.began, v.clock.live = began, v.info.Frames == 0
	if v.clock.live && strings.HasPrefix(addr.URL().Scheme, "http") && v.isMotionJPEG() {
		v.arrive, v.info.FPS = new(arrivals), 0
	}
	return v, v.info, nil
}

// isMotionJPEG checks the codec's tag or, without a tag, its name.
func (v *opencvReader) isMotionJPEG() bool {
	code := uint32(v.vc.Get(gocv.VideoCaptureFOURCC))
	return strings.EqualFold(string(binary.LittleEndian.AppendUint32(nil, code)[:3]), "mjp")
}

// options formats the request as OpenCV expects it.
func (r request) options() string {
	options := []string{"protocol_whitelist;" + r.protocols}
	if r.transport != "" {
		options = append(options, "rtsp_transport;"+r.transport, "allowed_media_types;video")
	}
	if r.headers != "" {
		options = append(options, "headers;"+r.headers)
	}
	return strings.Join(options, "|")
}
