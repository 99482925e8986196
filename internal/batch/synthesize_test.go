package batch

import (
	"strings"
	"testing"

	"vigil/capture/source"
	"vigil/internal/scene"
)

// TestReadGrayFramesStopsAtTheLimit reads 13 pictures of 320x240 into a MiB, and refuses the next one.
func TestReadGrayFramesStopsAtTheLimit(t *testing.T) {
	const limit, fit = 1 << 20, 13
	address, err := source.ParseAddress("monday.mkv")
	if err != nil {
		t.Fatal(err)
	}
	for frames, want := range map[int]string{
		fit: "",
		fit + 1: "monday.mkv: is longer than the 1 MiB of grey pictures that are held in memory, which are 13 frames " +
			"of 320x240",
	} {
		street, err := scene.New(scene.Config{Seed: 1, Clean: true})
		if err != nil {
			t.Fatal(err)
		}
		v, err := readGrayFrames(t.Context(), &scene.Source{Street: street, Frames: frames}, Recording{Source: address},
			limit)
		switch {
		case want == "" && (err != nil || v.Frames() != fit):
			t.Errorf("%d frames: %v", frames, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%d frames: error %v, want %q", frames, err, want)
		}
	}
}
