package tamper

import (
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"vigil/internal/scene"
	"vigil/internal/testenv"
)

// footage is video of wide x high, grey.
type footage struct {
	name   string
	fps    float64
	frames [][]byte
}

// place is video to learn from, and other video of the same place.
type place struct {
	name   string
	normal []footage
	other  []footage
}

// decode reads a recording with FFmpeg.
func decode(t *testing.T, name string, fps float64) footage {
	t.Helper()
	filter := fmt.Sprintf("fps=%v,scale=%d:%d:flags=area,format=gray", fps, wide, high)
	cmd := exec.CommandContext(t.Context(), testenv.Tool(t, "ffmpeg"), "-v", "error", "-threads", "1", "-i",
		testenv.Data(t, name), "-vf", filter, "-f", "rawvideo", "-")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	f := footage{name: name, fps: fps}
	for {
		frame := make([]byte, wide*high)
		if _, err := io.ReadFull(out, frame); err != nil {
			break
		}
		f.frames = append(f.frames, frame)
	}
	if err := cmd.Wait(); err != nil || len(f.frames) == 0 {
		t.Fatalf("%s: %d frames, %v", name, len(f.frames), err)
	}
	return f
}

// draw draws a street.
func draw(t *testing.T, cfg scene.Config, seconds float64) footage {
	t.Helper()
	cfg.Width, cfg.Height, cfg.FPS = wide, high, 10
	s, err := scene.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	f := footage{name: fmt.Sprintf("street %d, day %d", cfg.Seed, cfg.Day), fps: cfg.FPS}
	var bgr []byte
	for range int(seconds * cfg.FPS) {
		bgr = s.Next(bgr)
		frame := make([]byte, wide*high)
		for i := range frame {
			frame[i] = byte((1868*int(bgr[3*i]) + 9617*int(bgr[3*i+1]) + 4899*int(bgr[3*i+2]) + 1<<13) >> 14)
		}
		f.frames = append(f.frames, frame)
	}
	return f
}

func ped2(t *testing.T) place {
	p := place{name: "Ped2"}
	for i := 1; i <= 12; i++ {
		p.normal = append(p.normal, decode(t, filepath.Join("ped2", "train", fmt.Sprintf("%02d.mkv", i)), 10))
	}
	for i := 13; i <= 16; i++ {
		p.other = append(p.other, decode(t, filepath.Join("ped2", "train", fmt.Sprintf("%02d.mkv", i)), 10))
	}
	for i := 1; i <= 12; i++ {
		p.other = append(p.other, decode(t, filepath.Join("ped2", "test", fmt.Sprintf("%02d.mkv", i)), 10))
	}
	return p
}

func avenue(t *testing.T) place {
	return place{
		name: "Avenue", normal: []footage{decode(t, "avenue_normal/10.mkv", 12.5)},
		other: []footage{decode(t, "avenue_normal/11.mkv", 12.5)},
	}
}

func vtest(t *testing.T) place {
	all := decode(t, "demo/vtest.avi", 10)
	a, b := all, all
	a.frames, b.frames = all.frames[:395], all.frames[395:]
	return place{name: "vtest", normal: []footage{a}, other: []footage{b}}
}

func streetPlace(t *testing.T, seed uint64, screen bool, learn, watch float64) place {
	return place{
		name:   fmt.Sprintf("street %d", seed),
		normal: []footage{draw(t, scene.Config{Seed: seed, Day: 1, Screen: screen}, learn)},
		other:  []footage{draw(t, scene.Config{Seed: seed, Day: 2, Screen: screen}, watch)},
	}
}

// shrink reduces frames to the model's picture by the mean over each pixel's area.
type shrink struct {
	side   int
	row    []float32
	across []span
	down   []span
}

type span struct {
	from    int
	weights []float32
}

func newShrink(side int) *shrink {
	return &shrink{side: side, row: make([]float32, wide), across: spans(wide, side), down: spans(high, side)}
}

func spans(n, side int) []span {
	out := make([]span, side)
	ratio := float64(n) / float64(side)
	for i := range out {
		from, to := float64(i)*ratio, float64(i+1)*ratio
		out[i].from = int(from)
		for p := int(from); float64(p) < to-1e-9; p++ {
			out[i].weights = append(out[i].weights,
				float32((min(to, float64(p+1))-max(from, float64(p)))/ratio))
		}
	}
	return out
}

func (s *shrink) picture(out []byte, frame []byte) {
	for y, d := range s.down {
		clear(s.row)
		for i, w := range d.weights {
			for x, v := range frame[(d.from+i)*wide:][:wide] {
				s.row[x] += w * float32(v)
			}
		}
		for x, a := range s.across {
			var sum float32
			for i, w := range a.weights {
				sum += w * s.row[a.from+i]
			}
			out[y*s.side+x] = byte(sum + 0.5)
		}
	}
}

// learn makes a reference of the first seconds of a place's normal video.
func (p place) learn(t *testing.T, side int, seconds float64) *Reference {
	t.Helper()
	l := NewLearner(side, nil)
	s := newShrink(side)
	picture := make([]byte, side*side)
	for _, f := range p.normal {
		for i, frame := range f.frames {
			if seconds <= 0 {
				break
			}
			s.picture(picture, frame)
			l.Add(picture, time.Duration(float64(i)/f.fps*float64(time.Second)))
			seconds -= 1 / f.fps
		}
	}
	ref, err := l.Reference()
	if err != nil {
		t.Fatal(err)
	}
	return ref
}
