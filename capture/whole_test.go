//go:build cgo && gocv_videoio

package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vigil/internal/cameratest"
	"vigil/video"
)

// A whole file is read to its end, wherever its video starts and however long its audio is: the container's length is
// not the video's.
func TestCompleteFiles(t *testing.T) {
	const pattern = "testsrc2=s=64x48:r=10:d=3"
	h264 := []string{"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"}
	with := func(args ...string) []string { return append(append([]string{}, h264...), args...) }
	tone := func(seconds string, args ...string) []string {
		return append([]string{"-f", "lavfi", "-i", "sine=sample_rate=8000:duration=" + seconds}, with(args...)...)
	}
	// From the second second on, frames come two minutes later while the audio continues, with more packets than OpenCV
	// passes over.
	hole := []string{
		"-f", "lavfi", "-i", "sine=sample_rate=8000:duration=123", "-vf", "setpts='PTS+gte(N,10)*120/TB'", "-vsync",
		"passthrough",
		"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-bf", "0",
	}
	opus := slices.Concat(hole, []string{"-c:a", "libopus", "-b:a", "6k", "-frame_duration", "20"})
	aac := slices.Concat(hole, []string{"-c:a", "aac", "-b:a", "8k"})
	segments := filepath.Join(t.TempDir(), "seg%d.mkv")
	cameratest.FFmpeg(t, append([]string{"-f", "lavfi", "-i", "testsrc2=s=64x48:r=10:d=6"},
		with("-g", "10", "-f", "segment", "-segment_time", "3", segments)...)...)
	tests := []struct {
		name, path string
		hole       time.Duration
	}{
		{"starts at 20 s, mkv", cameratest.Video(t, "a.mkv", pattern, with("-output_ts_offset", "20")...), 0},
		{"starts at 20 s, ts", cameratest.Video(t, "a.ts", pattern, with("-output_ts_offset", "20")...), 0},
		{"starts at 20 s, mp4", cameratest.Video(t, "a.mp4", pattern, with("-output_ts_offset", "20")...), 0},
		{"starts at 20 s, flv", cameratest.Video(t, "a.flv", pattern, with("-output_ts_offset", "20")...), 0},
		{"sound is longer, mkv", cameratest.Video(t, "a.mkv", pattern, tone("9", "-c:a", "aac")...), 0},
		{"sound is longer, mp4", cameratest.Video(t, "a.mp4", pattern, tone("9", "-c:a", "aac")...), 0},
		{"sound is longer, avi", cameratest.Video(t, "a.avi", pattern, tone("9", "-c:a", "pcm_s16le")...), 0},
		{"sound is longer, ts", cameratest.Video(t, "a.ts", pattern, tone("9", "-c:a", "mp2")...), 0},
		{
			"sound is longer, wmv", cameratest.Video(t, "a.wmv", pattern, "-f", "lavfi", "-i", "sine=duration=9",
				"-c:v", "wmv2"),
			0,
		},
		{"a recorder's second segment", strings.Replace(segments, "%d", "1", 1), 0},
		{"a hole while sound goes on, mkv", cameratest.Video(t, "a.mkv", pattern, opus...), 2 * time.Minute},
		{"a hole while sound goes on, ts", cameratest.Video(t, "a.ts", pattern, opus...), 2 * time.Minute},
		{"a hole while sound goes on, mp4", cameratest.Video(t, "a.mp4", pattern, aac...), 2 * time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := openAddress(t, cameratest.Address(t, tt.path), Options{})
			if n := s.Info().Frames; tt.hole == 0 && !strings.HasSuffix(tt.path, ".wmv") && (n < 29 || n > 31) {
				t.Errorf("the container declares %d frames", n)
			}
			var f video.Frame
			n := 0
			err := s.Read(t.Context(), &f)
			for ; err == nil; err = s.Read(t.Context(), &f) {
				want := time.Duration(n) * time.Second / 10
				if n >= 10 {
					want += tt.hole
				}
				if d := f.PTS - want; d < -time.Millisecond || d > time.Millisecond || f.Discontinuity {
					t.Fatalf("frame %d is at %v, want %v; cut: %v", n, f.PTS, want, f.Discontinuity)
				}
				n++
			}
			if n != 30 || !errors.Is(err, io.EOF) {
				t.Errorf("%d frames, then %v", n, err)
			}
		})
	}
}

// A truncated file is detected by the size that its container declares; a format that may end anywhere is read as far
// as it goes.
func TestCutFiles(t *testing.T) {
	const pattern = "testsrc2=s=160x120:r=10:d=6"
	h264 := []string{"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "10"}
	with := func(args ...string) []string { return append(append([]string{}, h264...), args...) }
	half := func(data []byte) []byte { return data[:len(data)/2] }
	// What a full disk or an aborted copy leaves of a file whose length was set in advance.
	zeroed := func(data []byte) []byte {
		clear(data[len(data)/2:])
		return data
	}
	noisy := func(data []byte) []byte {
		for i := len(data) / 2; i < len(data); i++ {
			data[i] = byte(i * 167)
		}
		return data
	}
	tests := []struct {
		name, path string
		change     func([]byte) []byte
		want       string // empty for a file that is read as far as it goes
	}{
		{"mkv", cameratest.Video(t, "a.mkv", pattern, with()...), half, "its container names"},
		{
			"mkv with longer sound",
			cameratest.Video(t, "a.mkv", pattern, append([]string{"-f", "lavfi", "-i", "sine=duration=9"},
				with("-c:a", "aac")...)...), half, "its container names",
		},
		{
			"mkv from 20 s on", cameratest.Video(t, "a.mkv", pattern, with("-output_ts_offset", "20")...), half,
			"its container names",
		},
		{"mp4", cameratest.Video(t, "a.mp4", pattern, with("-movflags", "faststart")...), half, "its container names"},
		{"avi", cameratest.Video(t, "a.avi", pattern, with()...), half, "its container names"},
		{"wmv", cameratest.Video(t, "a.wmv", pattern, "-c:v", "wmv2"), half, "its container names"},
		{"flv", cameratest.Video(t, "a.flv", pattern, with()...), half, "the last picture's data are not whole"},
		{
			"mp4 with zeros", cameratest.Video(t, "a.mp4", pattern, with("-movflags", "faststart")...), zeroed,
			"zeros at its end",
		},
		{"mkv with zeros", cameratest.Video(t, "a.mkv", pattern, with()...), zeroed, "zeros at its end"},
		{
			"mp4 with noise", cameratest.Video(t, "a.mp4", pattern, with("-movflags", "faststart")...), noisy,
			"cannot be decoded",
		},
		{"ts", cameratest.Video(t, "a.ts", pattern, with()...), half, ""},
		{"mkv that was never finished", cameratest.Video(t, "a.mkv", pattern, with("-live", "1")...), half, ""},
		{
			"fragmented mp4", cameratest.Video(t, "a.mp4", pattern, with("-movflags", "frag_keyframe+empty_moov")...),
			half, "",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			data, err := os.ReadFile(tt.path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(tt.path, tt.change(data), 0o600); err != nil {
				t.Fatal(err)
			}
			n, _, err := readAll(t, openAddress(t, cameratest.Address(t, tt.path), Options{}))
			if n == 0 || n > 50 {
				t.Errorf("%d frames", n)
			}
			if tt.want == "" && !errors.Is(err, io.EOF) || tt.want != "" && (!errors.Is(err, ErrTruncated) ||
				!strings.Contains(err.Error(), tt.want)) {
				t.Errorf("%d frames, then %v, want %q", n, err, tt.want)
			}
		})
	}
}

func TestNamedSize(t *testing.T) {
	box := func(kind string, n int) []byte { return append(binary.BigEndian.AppendUint32(nil, uint32(n)), kind...) }
	ebml := []byte{0x1a, 0x45, 0xdf, 0xa3, 0x84, 1, 2, 3, 4}
	segment := []byte{0x18, 0x53, 0x80, 0x67}
	pad := bytes.Repeat([]byte{0}, 64)
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	riff := func(n uint32) []byte {
		return join([]byte("RIFF"), binary.LittleEndian.AppendUint32(nil, n), []byte("AVI "))
	}
	tests := []struct {
		name string
		data []byte
		want int64
	}{
		{"nothing", nil, 0},
		{"noise", pad, 0},
		{"matroska", join(ebml, segment, []byte{0x41, 0x00}, pad), 9 + 4 + 2 + 0x100},
		{"matroska, eight bytes of length", join(ebml, segment, []byte{1, 0, 0, 0, 0, 0, 1, 0}, pad), 9 + 4 +
			8 + 0x100},
		{"matroska without a length", join(ebml, segment, []byte{1, 255, 255, 255, 255, 255, 255, 255}, pad), 0},
		{"matroska without a length, one byte", join(ebml, segment, []byte{255}, pad), 0},
		{"avi", join(riff(1000), pad), 1008},
		{"avi that was never finished", join(riff(0), pad), 0},
		{
			"avi of two chunks", join(riff(12), pad[:8], []byte("RIFF"), []byte{0, 1, 0, 0}, []byte("AVIX"), pad),
			20 + 8 + 256,
		},
		{"mp4", join(box("ftyp", 16), pad[:8], box("mdat", 5000), pad), 5016},
		{"mp4 to the end", join(box("ftyp", 16), pad[:8], box("mdat", 0), pad), 0},
		{"fragmented mp4", join(box("ftyp", 16), pad[:8], box("moof", 5000), pad), 0},
		{"asf", join(asfHeader, []byte{30, 0, 0, 0, 0, 0, 0, 0}, pad[:6], asfHeader, []byte{0, 1, 0, 0, 0, 0, 0, 0},
			pad), 30 + 256},
	}
	for _, tt := range tests {
		if got := namedSize(bytes.NewReader(tt.data), int64(len(tt.data))); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

func FuzzNamedSize(f *testing.F) {
	f.Add([]byte("RIFF\x00\x01\x00\x00AVI LIST"))
	f.Add([]byte("\x00\x00\x00\x10ftypisom\x00\x00\x00\x00"))
	f.Add([]byte("\x1a\x45\xdf\xa3\x84\x01\x02\x03\x04\x18\x53\x80\x67\x01\x00\x00\x00\x00\x00\x01\x00"))
	f.Add(asfHeader)
	f.Fuzz(func(t *testing.T, data []byte) {
		if got := namedSize(bytes.NewReader(data), int64(len(data))); got < 0 {
			t.Error(fmt.Sprint(got))
		}
	})
}
