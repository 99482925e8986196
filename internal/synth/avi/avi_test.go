package avi

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// TestFramesComeBack follows the index of a file and decodes its pictures with image/png.
func TestFramesComeBack(t *testing.T) {
	for _, simple := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "a.avi")
		const width, height, frames = 37, 21, 5
		w, err := Create(path, width, height, 12.5, simple)
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(1, 2))
		var pictures [][]byte
		for n := range frames {
			picture := make([]byte, width*height)
			for i := range picture {
				picture[i] = byte(r.IntN(256))
			}
			if n == 3 {
				picture = pictures[2]
			}
			pictures = append(pictures, picture)
			if err := w.Write(picture); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Write(make([]byte, 3)); err == nil {
			t.Error("a picture of another size was written")
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		long := func(at int) int { return int(binary.LittleEndian.Uint32(data[at:])) }
		if long(4) != len(data)-8 || string(data[headerSize-4:headerSize]) != "movi" {
			t.Fatalf("the header says %d bytes of %d, and movi begins as %q", long(4), len(data)-8,
				data[headerSize-4:headerSize])
		}
		index := headerSize + long(headerSize-8) - 4
		if string(data[index:index+4]) != "idx1" || long(index+4) != 16*frames {
			t.Fatalf("no index of %d frames at %d", frames, index)
		}
		for n, want := range pictures {
			at := headerSize - 4 + long(index+8+16*n+8)
			size := long(index + 8 + 16*n + 12)
			if string(data[at:at+4]) != "00dc" || long(at+4) != size {
				t.Fatalf("frame %d is not at %d", n, at)
			}
			img, err := png.Decode(bytes.NewReader(data[at+8 : at+8+size]))
			if err != nil {
				t.Fatal(err)
			}
			if gray, ok := img.(*image.Gray); !ok || !bytes.Equal(gray.Pix, want) {
				t.Errorf("simple %v: frame %d is another picture", simple, n)
			}
		}
	}
}

func TestCreateRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.avi")
	for _, c := range []struct {
		width, height int
		fps           float64
	}{{0, 1, 1}, {1, 0, 1}, {1 << 16, 1, 1}, {1, 1, 0}} {
		if w, err := Create(path, c.width, c.height, c.fps, false); err == nil {
			t.Errorf("%v was created", c)
			_ = w.Close()
		}
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(path, 1, 1, 1, false); err == nil {
		t.Error("a file that is there was replaced")
	}
}
