//go:build cgo && gocv_videoio

package capture

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vigil/internal/cameratest"
	"vigil/video"
)

// A remuxed video has the same frames; the file concatenated with itself has twice as many.
func TestRemux(t *testing.T) {
	from := clip(t, "a.mkv", 64, 48, 25)
	dir := t.TempDir()
	to := filepath.Join(dir, "a.ts")
	if err := Remux(from, to); err != nil {
		t.Fatal(err)
	}
	pictures := func(path string) (all [][]byte) {
		s := openAddress(t, cameratest.Address(t, path), Options{})
		var f video.Frame
		for s.Read(t.Context(), &f) == nil {
			all = append(all, append([]byte(nil), f.Pix...))
		}
		return all
	}
	want, got := pictures(from), pictures(to)
	if len(want) != 25 || len(got) != 25 {
		t.Fatalf("%d pictures of %d", len(got), len(want))
	}
	for i := range want {
		if string(want[i]) != string(got[i]) {
			t.Errorf("picture %d is another", i)
		}
	}
	text, err := os.ReadFile(to)
	if err == nil {
		err = os.WriteFile(to, append(text, text...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := pictures(to); len(got) < 48 {
		t.Errorf("twice the file has %d pictures", len(got))
	}
	for _, tt := range [][2]string{
		{filepath.Join(dir, "none.mkv"), to},
		{from, filepath.Join(dir, "a.what")},
		{from, filepath.Join(dir, "none", "a.ts")},
		{to + "x", to},
	} {
		if err := Remux(tt[0], tt[1]); err == nil || !strings.Contains(err.Error(), tt[0]) {
			t.Errorf("%v: %v", tt, err)
		}
	}
}
