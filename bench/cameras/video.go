package cameras

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"vigil/capture"
	"vigil/capture/source"
	"vigil/pipeline/worker"
	"vigil/preprocess"
	"vigil/video"
)

// loadVideo is a street of noise and boxes in H.264, served like a camera: at its own pace, over and over, or at once.
type loadVideo struct {
	width, height int
	fps           float64
	stream        []byte
	pictures      []int // where each picture's packets begin in the stream
	server        *httptest.Server
	address, fast source.Address
}

// loadLength is how long the video is before it starts again.
const loadLength = 20 * time.Second

func newLoadVideo(dir string, w, h int, fps float64) (*loadVideo, error) {
	name := filepath.Join(dir, fmt.Sprintf("%dx%d-%g", w, h, fps))
	writer, err := capture.CreateVideo(name+".mkv", fps, w, h, "X264")
	if err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // A picture need not be secret.
	ground := make([]byte, w*h*3)
	for i := range ground {
		ground[i] = byte(96 + i/3%w*64/w + rng.IntN(24))
	}
	f := video.Frame{Width: w, Height: h, Channels: 3, Pix: make([]byte, len(ground))}
	for n := range int(loadLength.Seconds() * fps) {
		copy(f.Pix, ground)
		for range len(f.Pix) / 50 {
			f.Pix[rng.IntN(len(f.Pix))] += byte(rng.IntN(9))
		}
		for box := range 6 {
			drawBox(&f, (box*w/6+n*w/200*(1+box%3))%w, h/4+box*h/10, w/16, h/6, byte(40*box))
		}
		if err := writer.Write(&f); err != nil {
			return nil, errors.Join(err, writer.Close())
		}
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	v := &loadVideo{width: w, height: h, fps: fps}
	// A camera's stream begins again and again, which only this container may; OpenCV does not know how to write it.
	if err := capture.Remux(name+".mkv", name+".ts"); err != nil {
		return nil, err
	}
	if v.stream, err = os.ReadFile(name + ".ts"); err != nil {
		return nil, err
	}
	if v.pictures = pictureStarts(v.stream); len(v.pictures) < 2 {
		return nil, fmt.Errorf("the video of %dx%d at %g frames a second has %d pictures", w, h, fps, len(v.pictures))
	}
	v.server = httptest.NewServer(http.HandlerFunc(v.serve))
	if v.address, err = source.ParseAddress(v.server.URL + "/live.ts"); err != nil {
		return nil, err
	}
	v.fast, err = source.ParseAddress(v.server.URL + "/fast.ts")
	return v, err
}

func drawBox(f *video.Frame, x, y, w, h int, v byte) {
	for j := y; j < min(y+h, f.Height); j++ {
		for i := x; i < min(x+w, f.Width); i++ {
			p := f.Pix[(j*f.Width+i)*3:]
			p[0], p[1], p[2] = v, v+30, v+60
		}
	}
}

func (v *loadVideo) close() error {
	v.server.CloseClientConnections()
	v.server.Close()
	return nil
}

// serve sends the video once at once, or over and over at its pace.
func (v *loadVideo) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "video/mp2t")
	if r.URL.Path == "/fast.ts" {
		_, _ = w.Write(v.stream) // a closed connection is not an error
		return
	}
	tick := time.NewTicker(time.Duration(float64(time.Second) / v.fps))
	defer tick.Stop()
	for n := 0; ; n++ {
		// A whole picture at a time, large or small, as a camera does.
		at := n % len(v.pictures)
		from, to := v.pictures[at], len(v.stream)
		if at == 0 {
			from = 0
		}
		if at+1 < len(v.pictures) {
			to = v.pictures[at+1]
		}
		if _, err := w.Write(v.stream[from:to]); err != nil || http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}

// pictureStarts finds in an MPEG transport stream (ISO 13818-1, 2.4.3.2) the packets with which a picture begins:
// those of FFmpeg's video stream that have the mark for it.
func pictureStarts(stream []byte) (starts []int) {
	const size, video = 188, 0x100
	for at := 0; at+size <= len(stream); at += size {
		p := stream[at:]
		if starting, id := p[1]&0x40 != 0, int(p[1]&0x1f)<<8|int(p[2]); starting && id == video {
			starts = append(starts, at)
		}
	}
	return starts
}

// frameCost is the processor time, in seconds, that a camera's process takes for a frame: decoding, grey, resizing, the
// pipe, and where they are wanted previews.
func (v *loadVideo) frameCost(ctx context.Context, side int, previews bool) (cost float64, err error) {
	o := worker.Options{Address: v.fast, OpenTimeout: time.Minute, ReadTimeout: time.Minute, Side: side}
	if previews {
		o.Keep, o.KeepBytes = 30*time.Second, 16<<20
	}
	p, err := worker.Start(ctx, o)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	first, err := p.Next(ctx)
	if err != nil {
		return 0, err
	}
	before, seq, last := p.CPU(), first.Seq, first.Seq
	after := before
	for last-seq < uint64((loadLength/2).Seconds()*v.fps) {
		pic, err := p.Next(ctx)
		if err != nil {
			return 0, err
		}
		last, after = pic.Seq, p.CPU()
	}
	if after == 0 {
		return 0, errors.New("this system does not report the processor time of a process")
	}
	return (after - before).Seconds() / float64(last-seq), nil
}

// shrinkCost is the processor time, in seconds, of resizing a grey frame.
func (v *loadVideo) shrinkCost(side int) float64 {
	prep := preprocess.NewPreparer(side, nil)
	defer func() { _ = prep.Close() }()
	f := video.Frame{Width: v.width, Height: v.height, Channels: 1, Pix: make([]byte, v.width*v.height)}
	best := time.Hour
	for range 20 {
		began := time.Now()
		if _, err := prep.PrepareLuma(&f); err != nil {
			return 0
		}
		best = min(best, time.Since(began))
	}
	return best.Seconds()
}
