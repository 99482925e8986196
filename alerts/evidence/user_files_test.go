//go:build cgo && gocv_videoio

package evidence

import (
	"os"
	"path/filepath"
	"testing"

	"vigil/internal/alerttest"
)

// A clip is made in a folder with a unique name: a user's files in the data directory stay, whatever their names.
func TestClipLeavesUserFiles(t *testing.T) {
	c := processEncoder(t, "encode")
	var files []string
	for _, name := range []string{
		"clips/holiday/a.mp4", "clips/clip.mp4", "clip.mp4", ".vigil-clip-1/clip.mp4",
		"x.tmp",
	} {
		path := filepath.Join(c.Dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, path)
	}
	if _, err := c.Encode(alerttest.Within(t), [][]byte{testJPEG(t, 64, 48, 0), testJPEG(t, 64, 48, 1)},
		5); err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if text, err := os.ReadFile(path); err != nil || string(text) != "mine" {
			t.Errorf("%s: %q, %v", path, text, err)
		}
	}
}
