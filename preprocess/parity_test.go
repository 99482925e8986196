//go:build cgo && gocv_videoio

package preprocess

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"os/exec"
	"strings"
	"testing"

	"vigil/capture"
	"vigil/geometry"
	"vigil/internal/cameratest"
	"vigil/internal/testenv"
	"vigil/video"
)

// reference prints, for each frame, a hash of the picture that OpenCV in Python computes, and the bits of all 256
// scaled greys.
const reference = `
import sys
import hashlib
import cv2, numpy as np
path, side, every = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
cap, n = cv2.VideoCapture(path), 0
while True:
    ok, img = cap.read()
    if not ok:
        break
    if n % every == 0:
        gray = cv2.cvtColor(img, cv2.COLOR_BGR2GRAY)
        gray = cv2.resize(gray, (side, side), interpolation=cv2.INTER_AREA)
        print(n, hashlib.sha256(gray.tobytes()).hexdigest())
    n += 1
print(n, (np.arange(256, dtype=np.uint8).astype(np.float32) / 127.5 - 1).view(np.uint32).tolist())
`

func open(t testing.TB, path string) *capture.Stream {
	t.Helper()
	s, err := capture.Open(t.Context(), cameratest.Address(t, path), capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// TestPreparerMatchesOpenCV checks that the pictures equal those of the reference, which uses OpenCV in Python, bit for
// bit.
func TestPreparerMatchesOpenCV(t *testing.T) {
	const python = "/usr/bin/python3" // Debian's, which has OpenCV
	if err := exec.CommandContext(t.Context(), python, "-c", "import cv2").Run(); err != nil {
		testenv.Missing(t, "%s has no cv2: %v; scripts/setup tests installs python3-opencv", python, err)
	}
	for _, tt := range []struct {
		name  string
		every int
	}{{"ped2/test/01.mkv", 1}, {"demo/vtest.avi", 1}, {"avenue_normal/11.mkv", 10}} {
		for _, side := range []int{128, 256} {
			t.Run(fmt.Sprintf("%s at %d", tt.name, side), func(t *testing.T) {
				path := testenv.Data(t, tt.name)
				want, err := exec.CommandContext(t.Context(), python, "-c", reference, path, fmt.Sprint(side),
					fmt.Sprint(tt.every)).Output()
				if err != nil {
					t.Fatal(err)
				}
				if got := preparedWith(t, path, side, tt.every); got != string(want) {
					t.Errorf("got\n%.500s\nwant\n%.500s", got, want)
				}
			})
		}
	}
}

func preparedWith(t *testing.T, path string, side, every int) string {
	t.Helper()
	var b strings.Builder
	p := NewPreparer(side, nil)
	defer func() { _ = p.Close() }()
	s := open(t, path)
	var f video.Frame
	n := 0
	for ; ; n++ {
		err := s.Read(t.Context(), &f)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if n%every != 0 {
			continue
		}
		pic, err := p.Prepare(&f)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%d %x\n", n, sha256.Sum256(pic.Gray))
	}
	bits := make([]string, 256)
	for i, v := range scaled {
		bits[i] = fmt.Sprint(math.Float32bits(v))
	}
	fmt.Fprintf(&b, "%d [%s]\n", n, strings.Join(bits, ", "))
	return b.String()
}

// TestCuboidsOfRealVideo checks that real recordings give every cuboid that their length allows, without gaps.
func TestCuboidsOfRealVideo(t *testing.T) {
	tests := []struct {
		name   string
		frames uint64
	}{
		{"ped2/test/01.mkv", 180},
		{"ped2/test/09.mkv", 120},
		{"ped2/train/02.mkv", 150},
		{"ped1_tif/Test001", 60},
		{"avenue_normal/11.mkv", 781},
		{"demo/vtest.avi", 795},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, testenv.Data(t, tt.name))
			p := NewPreparer(32, nil)
			defer func() { _ = p.Close() }()
			w := NewWindow(WindowConfig{Side: 32, Hop: 1, SourceFPS: s.Info().FPS, Live: s.Info().Live})
			var f video.Frame
			var c video.Cuboid
			var err error
			for err = s.Read(t.Context(), &f); err == nil; err = s.Read(t.Context(), &f) {
				pic, err := p.Prepare(&f)
				if err != nil {
					t.Fatal(err)
				}
				w.Push(pic, &c)
			}
			want := Stats{Pictures: tt.frames, Sampled: tt.frames, Cuboids: tt.frames - video.CuboidFrames + 1}
			if got := w.Stats(); got != want || !errors.Is(err, io.EOF) {
				t.Errorf("%+v, then %v; want %+v", got, err, want)
			}
		})
	}
}

func frame(w, h, channels int, at func(x, y, c int) byte) *video.Frame {
	f := &video.Frame{Width: w, Height: h, Channels: channels, Pix: make([]byte, 0, w*h*channels)}
	for i := range w * h * channels {
		f.Pix = append(f.Pix, at(i/channels%w, i/channels/w, i%channels))
	}
	return f
}

// TestMaskHides checks that the picture is black under the mask, and does not depend on what is there.
func TestMaskHides(t *testing.T) {
	mask := []geometry.Polygon{geometry.Rect(0.25, 0.25, 0.75, 0.75)}
	p := NewPreparer(16, mask)
	defer func() { _ = p.Close() }()
	var pictures [][]byte
	for _, hidden := range []byte{0, 77, 255} {
		for _, channels := range []int{1, 3} {
			pic, err := p.Prepare(frame(100, 60, channels, func(x, y, _ int) byte {
				if x >= 25 && x < 75 && y >= 15 && y < 45 {
					return hidden
				}
				return 200
			}))
			if err != nil {
				t.Fatal(err)
			}
			pictures = append(pictures, bytes.Clone(pic.Gray))
		}
	}
	for i, pic := range pictures {
		if !bytes.Equal(pic, pictures[0]) {
			t.Errorf("picture %d shows something of what is hidden", i)
		}
	}
	for i, ignored := range geometry.IgnoreMask(mask, 16) {
		if v := pictures[0][i]; !ignored && v != 200 {
			t.Errorf("pixel %d is not ignored and is %d", i, v)
		}
	}
	if v := pictures[0][8*16+8]; v != 0 {
		t.Errorf("the middle is %d", v)
	}
}

func TestPrepare(t *testing.T) {
	p := NewPreparer(8, nil)
	defer func() { _ = p.Close() }()
	for _, bad := range []*video.Frame{
		{},
		{Width: 2, Height: 2, Channels: 2, Pix: make([]byte, 8)},
		{Width: 2, Height: 2, Channels: 3, Pix: make([]byte, 11)},
	} {
		if _, err := p.Prepare(bad); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
	// Grey and colour, large and small, in any order.
	for _, f := range []*video.Frame{
		frame(64, 48, 3, func(_, _, _ int) byte { return 90 }), frame(64, 48, 1, func(_, _, _ int) byte { return 90 }),
		frame(4, 4, 1, func(_, _, _ int) byte { return 90 }), frame(640, 480, 3, func(_, _, _ int) byte { return 90 }),
	} {
		f.Seq, f.Generation = 7, 2
		pic, err := p.Prepare(f)
		if err != nil || pic.Seq != 7 || pic.Generation != 2 || pic.Width != f.Width || pic.Side != 8 ||
			!bytes.Equal(pic.Gray, bytes.Repeat([]byte{90}, 64)) {
			t.Errorf("%+v, %v", pic, err)
		}
	}
}

func TestPrepareAndPushDoNotAllocate(t *testing.T) {
	p := NewPreparer(32, []geometry.Polygon{geometry.Rect(0, 0, 0.5, 0.5)})
	defer func() { _ = p.Close() }()
	w := NewWindow(WindowConfig{Side: 32, Hop: 1, SourceFPS: 10, Live: true})
	f := frame(64, 48, 3, func(x, y, c int) byte { return byte(x + y + c) })
	var c video.Cuboid
	step := func() {
		f.Seq++
		pic, err := p.Prepare(f)
		if err != nil {
			t.Fatal(err)
		}
		w.Push(pic, &c)
	}
	for range 20 {
		step()
	}
	if n := testing.AllocsPerRun(100, step); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}
