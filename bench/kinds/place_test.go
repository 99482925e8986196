package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"vigil/internal/scene"
)

// TestCopyFrames takes ten frames a second of 25, and keeps a file that is there.
func TestCopyFrames(t *testing.T) {
	path := filepath.Join(t.TempDir(), "normal", "train.avi")
	for _, length := range []int{50, 25} {
		street, err := scene.New(scene.Config{Seed: 1, FPS: 25, Width: 64, Height: 48})
		if err != nil {
			t.Fatal(err)
		}
		if err := copyFrames(t.Context(), &scene.Source{Street: street, Frames: length}, path, 5, 1000); err != nil {
			t.Fatal(err)
		}
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		// The frames and the microseconds of one, in the header of an AVI file.
		frames, took := binary.LittleEndian.Uint32(file[48:]), binary.LittleEndian.Uint32(file[32:])
		if frames != 15 || took != 100_000 {
			t.Errorf("%d frames of %d us, want 15 of the 20 in two seconds, of 100000", frames, took)
		}
	}
}
