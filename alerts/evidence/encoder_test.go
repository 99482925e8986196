//go:build cgo && gocv_videoio

package evidence

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"vigil/internal/alerttest"
	"vigil/internal/testenv"
)

// childRole is the environment variable that makes the test's program the process that ProcessEncoder starts.
const childRole = "VIGIL_TEST_ENCODE"

func TestMain(m *testing.M) {
	switch os.Getenv(childRole) {
	case "":
		os.Exit(m.Run())
	case "hang":
		select {}
	case "priority":
		stat, err := os.ReadFile("/proc/self/stat")
		fmt.Fprintln(os.Stderr, "nice", strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))[16], err)
		os.Exit(1)
	}
	if err := EncodeClip(os.Stdin, os.Args[len(os.Args)-1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func processEncoder(t *testing.T, role string) ProcessEncoder {
	t.Helper()
	t.Setenv(childRole, role)
	return ProcessEncoder{Command: []string{os.Args[0]}, Dir: filepath.Join(t.TempDir(), "data")}
}

// probe returns the properties of a file by ffprobe.
func probe(t *testing.T, path string) (codec, pixels string, w, h int, seconds float64) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), testenv.Tool(t, "ffprobe"), "-v", "error", "-show_streams",
		"-show_format", "-of", "json", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	var about struct {
		Streams []struct {
			Codec  string `json:"codec_name"`
			Pixels string `json:"pix_fmt"`
			Width  int
			Height int
		}
		Format struct{ Duration string }
	}
	if err := json.Unmarshal(out, &about); err != nil || len(about.Streams) != 1 {
		t.Fatalf("%v: %s", err, out)
	}
	s := about.Streams[0]
	if seconds, err = strconv.ParseFloat(about.Format.Duration, 64); err != nil {
		t.Fatal(err)
	}
	return s.Codec, s.Pixels, s.Width, s.Height, seconds
}

func TestClipCodec(t *testing.T) {
	var pictures [][]byte
	for i := range 30 {
		pictures = append(pictures, testJPEG(t, 641, 361, i))
	}
	c := processEncoder(t, "encode")
	data, err := c.Encode(alerttest.Within(t), pictures, 5)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "clip.mp4")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	codec, pixels, w, h, seconds := probe(t, path)
	if codec != "h264" || pixels != "yuv420p" || w != 640 || h != 360 || seconds != 6 {
		t.Errorf("%s %s %dx%d, %g s; want h264 yuv420p 640x360, 6 s", codec, pixels, w, h, seconds)
	}
	if index, film := bytes.Index(data, []byte("moov")), bytes.Index(data, []byte("mdat")); index < 0 || index > film {
		t.Errorf("the index is at %d, the pictures are at %d", index, film)
	}
	// Decode to the end, so that a wrong offset is detected.
	if out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-xerror", "-i", path, "-f", "null",
		"-").CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("decoding: %v\n%s", err, out)
	}
	if left, err := os.ReadDir(c.Dir); err != nil || len(left) > 0 {
		t.Errorf("something is left in %s: %v, %v", c.Dir, left, err)
	}
	if keep := os.Getenv("VIGIL_KEEP_CLIP"); keep != "" {
		if err := os.WriteFile(keep, data, 0o600); err != nil {
			t.Error(err)
		}
	}
}

func TestEncoderFailure(t *testing.T) {
	good := [][]byte{testJPEG(t, 64, 48, 0), testJPEG(t, 64, 48, 1)}
	for name, c := range map[string]struct {
		role     string
		pictures [][]byte
		want     string
	}{
		"junk":       {"encode", [][]byte{good[0], []byte("junk")}, "picture of 4 bytes"},
		"no picture": {"encode", nil, "no picture"},
		"priority":   {"priority", good, "nice 19"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := processEncoder(t, c.role).Encode(alerttest.Within(t), c.pictures, 5); err == nil ||
				!strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q in it", err, c.want)
			}
		})
	}
	t.Run("hangs", func(t *testing.T) {
		ctx, cancel := context.WithCancel(alerttest.Within(t))
		cancel()
		if _, err := processEncoder(t, "hang").Encode(ctx, good, 5); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("no program", func(t *testing.T) {
		if _, err := (ProcessEncoder{Command: []string{"/nonexistent"}, Dir: filepath.Join(t.TempDir(), "x")}).Encode(
			alerttest.Within(t),
			good, 5); err == nil {
			t.Error("no error")
		}
	})
}
