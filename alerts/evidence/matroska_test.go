//go:build cgo && gocv_videoio

package evidence

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"vigil/capture"
	"vigil/capture/source"
	"vigil/preprocess"
	"vigil/video"
)

// The model's input is read back pixel by pixel with its timestamps, and gaps are visible to every reader.
func TestModelInputRoundTrip(t *testing.T) {
	const step = 120 * time.Millisecond
	for _, side := range []int{32, 64} {
		r := rand.New(rand.NewPCG(1, uint64(side)))
		var pics []video.ModelPicture
		for i := range 60 {
			p := video.ModelPicture{
				Seq: uint64(3*i + 7), PTS: time.Hour + time.Duration(i)*step, Side: side,
				Gray: make([]byte, side*side),
			}
			for j := range p.Gray {
				p.Gray[j] = byte(r.Uint32())
			}
			p.Gap = i == 40 // not visible in the timestamps
			pics = append(pics, p)
		}
		e, data, err := modelInput(pics)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "input.mkv")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		address, err := source.ParseAddress(file)
		if err != nil {
			t.Fatal(err)
		}
		stream, err := capture.Open(t.Context(), address, capture.Options{})
		if err != nil {
			t.Fatal(err)
		}
		prepare := preprocess.NewPreparer(side, nil)
		window := preprocess.NewWindow(preprocess.WindowConfig{Side: side, Hop: 1, SourceFPS: stream.Info().FPS})
		var f video.Frame
		var c video.Cuboid
		n := 0
		for ; ; n++ {
			err := stream.Read(t.Context(), &f)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil || n >= len(pics) {
				t.Fatalf("picture %d: %v", n, err)
			}
			p, err := prepare.Prepare(&f)
			if err != nil {
				t.Fatal(err)
			}
			if string(p.Gray) != string(pics[n].Gray) {
				t.Fatalf("side %d: picture %d is another", side, n)
			}
			if n > 0 && n < 40 && (f.PTS-time.Duration(n)*step).Abs() > time.Millisecond {
				t.Errorf("picture %d is at %v, want %v", n, f.PTS, time.Duration(n)*step)
			}
			if window.Push(p, &c) && n < 40 && (c.FPS() < 8.3 || c.FPS() > 8.4) {
				t.Errorf("picture %d: the model gets %g pictures a second, want 8.33", n, c.FPS())
			}
		}
		s := window.Stats()
		if n != len(pics) || s.Cuboids != 25+5 || s.Gaps != 1 {
			t.Errorf("side %d: %d of %d pictures, %d cuboids, %d gaps", side, n, len(pics), s.Cuboids, s.Gaps)
		}
		if want := ((59 + 4) * step).Seconds(); e.Seconds != want || e.Width != side || e.Frame != 7 {
			t.Errorf("the reply is %+v, want %g seconds", e, want)
		}
		t.Logf("side %d: %d bytes of %d, of noise", side, len(data), len(pics)*side*side)
		if err := errors.Join(stream.Close(), prepare.Close()); err != nil {
			t.Error(err)
		}
	}
}
