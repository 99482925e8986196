//go:build cgo && gocv_videoio

package capture

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"vigil/capture/source"
	"vigil/internal/cameratest"
	"vigil/internal/rtsptest"
	"vigil/video"
)

// view is what one reader decodes from a source.
type view struct {
	sizes [][2]int
	pts   []time.Duration // of each frame
	cuts  []int
	grey  [][]byte // OpenCV's conversion to grey, for sources in colour
	notes []string
}

func viewOf(t *testing.T, source string, o Options) view {
	t.Helper()
	s := openAddress(t, cameratest.Address(t, source), o)
	var v view
	var f video.Frame
	var err error
	for err = s.Read(t.Context(), &f); err == nil; err = s.Read(t.Context(), &f) {
		if f.Discontinuity {
			v.cuts = append(v.cuts, len(v.pts))
		}
		v.sizes = append(v.sizes, [2]int{f.Width, f.Height})
		v.pts = append(v.pts, f.PTS.Round(time.Millisecond))
		v.grey = append(v.grey, greyOf(&f))
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, ErrLost) {
		t.Fatal(err)
	}
	v.notes = s.Notes()
	return v
}

func greyOf(f *video.Frame) []byte {
	if f.Channels == 1 {
		return slices.Clone(f.Pix)
	}
	grey := make([]byte, f.Width*f.Height)
	for i := range grey {
		p := f.Pix[3*i:]
		grey[i] = byte((1868*int(p[0]) + 9617*int(p[1]) + 4899*int(p[2]) + 8192) >> 14)
	}
	return grey
}

// distance is the mean absolute difference between the frames of two views, in grey levels.
func (v view) distance(w view) float64 {
	sum, n := 0, 0
	for i := range v.grey {
		for j, a := range v.grey[i] {
			b := w.grey[i][j]
			sum += int(max(a, b) - min(a, b))
			n++
		}
	}
	return float64(sum) / float64(n)
}

// One source decodes to the same frames by every route: a file read by GoCV, and the same file served over the network
// and read by FFmpeg's libraries and by GoCV. docs/cameras.md documents the tolerances.
func TestReadersAgree(t *testing.T) {
	const small, bound = "testsrc2=s=64x48:r=10:d=3", 1.5
	x264 := []string{"-c:v", "libx264", "-preset", "ultrafast", "-qp", "18", "-pix_fmt", "yuv420p"}
	with := func(args ...string) []string { return append(args, x264...) }
	turned := func(degrees string) string {
		plain := cameratest.Video(t, "plain.mp4", small, x264...)
		path := strings.Replace(plain, "plain", "turned", 1)
		cameratest.FFmpeg(t, "-i", plain, "-c", "copy", "-metadata:s:v", "rotate="+degrees, path)
		return path
	}
	cover := cameratest.Video(t, "cover.png", "color=red:s=32x32", "-frames:v", "1")
	tests := []struct {
		name, path string
		frames     int
		size       [2]int
		note       string
	}{
		{"plain", cameratest.Video(t, "a.mkv", small, x264...), 30, [2]int{64, 48}, ""},
		{"turned by 90 degrees", turned("90"), 30, [2]int{48, 64}, ""},
		{"turned by 180 degrees", turned("180"), 30, [2]int{64, 48}, ""},
		{"turned by 270 degrees", turned("270"), 30, [2]int{48, 64}, ""},
		{
			"two tracks, the second is larger",
			cameratest.Video(t, "a.mkv", small, with("-f", "lavfi", "-i", "testsrc=s=128x96:r=10:d=3", "-map", "0",
				"-map", "1",
				"-disposition:v:0", "0", "-disposition:v:1", "default")...), 30,
			[2]int{64, 48},
			"2 video tracks: the first is read, 64x48",
		},
		{"a cover picture", cameratest.Video(t, "a.mp4", small, append([]string{
			"-i", cover, "-map", "0", "-map", "1", "-c:v:1",
			"png", "-disposition:v:1", "attached_pic",
		},
			"-c:v:0", "libx264", "-qp", "18", "-pix_fmt:v:0", "yuv420p")...), 30, [2]int{64, 48}, ""},
		{
			"B-frames, mp4", cameratest.Video(t, "a.mp4", small, "-c:v", "libx264", "-qp", "18", "-pix_fmt", "yuv420p",
				"-bf", "3"),
			30,
			[2]int{64, 48},
			"",
		},
		{
			"B-frames, ts", cameratest.Video(t, "a.ts", small, "-c:v", "libx264", "-qp", "18", "-pix_fmt", "yuv420p",
				"-bf", "3"),
			30,
			[2]int{64, 48},
			"",
		},
		{
			"B-frames, avi", cameratest.Video(t, "a.avi", small, "-c:v", "mpeg4", "-q:v", "2", "-bf", "2"), 30,
			[2]int{64, 48},
			"",
		},
		{
			"variable rate", cameratest.Video(t, "a.mkv", small, with("-vf", "select='not(between(n,3,5))'", "-vsync",
				"vfr")...),
			27,
			[2]int{64, 48},
			"",
		},
		{
			"a hole while sound goes on", cameratest.Video(t, "a.mkv", small,
				with("-f", "lavfi", "-i", "sine=sample_rate=8000:duration=123", "-vf", "setpts='PTS+gte(N,10)*120/TB'",
					"-vsync", "passthrough", "-c:a", "libopus", "-b:a", "6k", "-frame_duration", "20")...), 30,
			[2]int{64, 48},
			"",
		},
		{
			"starts at 20 s", cameratest.Video(t, "a.mkv", small, with("-output_ts_offset", "20")...), 30,
			[2]int{64, 48},
			"",
		},
		{
			"sound is longer", cameratest.Video(t, "a.mp4", small, with("-f", "lavfi", "-i", "sine=duration=9")...), 30,
			[2]int{64, 48},
			"",
		},
		{
			"full range", cameratest.Video(t, "a.mkv", small, "-c:v", "libx264", "-qp", "18", "-pix_fmt", "yuvj420p"),
			30,
			[2]int{64, 48},
			"",
		},
		{"odd sides", cameratest.Video(t, "a.mkv", "testsrc=s=67x49:r=10:d=3", "-c:v", "libx264", "-qp", "18",
			"-pix_fmt",
			"yuv444p"), 30, [2]int{67, 49}, ""},
		{
			"ten bits", cameratest.Video(t, "a.mkv", small, "-c:v", "libx264", "-qp", "18", "-pix_fmt", "yuv420p10le"),
			30,
			[2]int{64, 48},
			"",
		},
		{
			"interlaced", cameratest.Video(t, "a.mkv", small, with("-flags", "+ilme+ildct", "-x264opts", "tff=1")...),
			30,
			[2]int{64, 48},
			"",
		},
		{"motion JPEG", cameratest.Video(t, "a.avi", small, "-c:v", "mjpeg", "-q:v", "2"), 30, [2]int{64, 48}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(
				http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, tt.path) }))
			defer server.Close()
			file := viewOf(t, tt.path, quick)
			if len(file.pts) != tt.frames || file.sizes[0] != tt.size || strings.Join(file.notes, "") != tt.note {
				t.Errorf("file: %d frames of %v, notes %q", len(file.pts), file.sizes[0], file.notes)
			}
			for _, reader := range []string{source.FFmpeg, source.GoCV} {
				o := quick
				o.Reader = reader
				got := viewOf(t, server.URL+"/x", o)
				if !slices.Equal(got.pts, file.pts) || !slices.Equal(got.sizes, file.sizes) ||
					!slices.Equal(got.cuts, file.cuts) {
					t.Errorf("%s: %d frames of %v at %v, cuts %v\nfile: %d frames of %v at %v, cuts %v", reader,
						len(got.pts), got.sizes[:1], got.pts, got.cuts,
						len(file.pts), file.sizes[:1], file.pts, file.cuts)
					continue
				}
				if d := got.distance(file); d > bound {
					t.Errorf("%s: pictures are %.2f levels apart in the mean", reader, d)
				} else {
					t.Logf("%s: %.3f levels apart", reader, d)
				}
				if strings.Join(got.notes, "") != tt.note && reader == source.FFmpeg {
					t.Errorf("%s: notes %q", reader, got.notes)
				}
			}
		})
	}
}

// A frame with rotation metadata is returned upright, as players show it.
func TestUpright(t *testing.T) {
	plain := cameratest.Video(t, "plain.mp4", "testsrc2=s=64x48:r=10:d=0.5", "-vf",
		"drawbox=w=20:h=10:color=white:t=fill",
		"-c:v", "libx264", "-qp", "18", "-pix_fmt", "yuv420p")
	for _, degrees := range []string{"90", "180", "270"} {
		path := strings.Replace(plain, "plain", degrees, 1)
		cameratest.FFmpeg(t, "-i", plain, "-c", "copy", "-metadata:s:v", "rotate="+degrees, path)
		want := view{grey: [][]byte{cameratest.FFmpeg(t, "-i", path, "-frames:v", "1", "-pix_fmt", "gray",
			"-f", "rawvideo", "-")}}
		got := viewOf(t, path, Options{})
		if len(got.grey[0]) != len(want.grey[0]) || want.distance(got) > 2 {
			t.Errorf("turned by %s degrees: not as FFmpeg shows it", degrees)
		}
	}
}

// GoCV can also read an RTSP camera.
func TestRTSPByGoCV(t *testing.T) {
	server := rtsptest.Start(t, rtsptest.Options{User: "viewer", Password: "geheim"})
	o := quick
	o.Reader = source.GoCV
	s := openAddress(t, cameratest.Address(t, server.URL()), o)
	if i := s.Info(); i.Width != 320 || i.Height != 240 || i.FPS != 25 || i.Frames != 0 || !i.Live {
		t.Errorf("info %+v", i)
	}
	var f video.Frame
	last := time.Duration(-1)
	for i := range uint64(40) {
		if err := s.Read(t.Context(), &f); err != nil {
			t.Fatal(err)
		}
		if f.Seq != i || f.PTS <= last || f.Discontinuity || f.Channels != 3 {
			t.Fatalf("frame %d: seq %d at %v after %v, %d channels", i, f.Seq, f.PTS, last, f.Channels)
		}
		last = f.PTS
	}
	server.Stop()
	var err error
	for err == nil {
		err = s.Read(t.Context(), &f)
	}
	if !errors.Is(err, ErrLost) {
		t.Error(err)
	}
	server.Restart()
	_, err = Open(t.Context(), cameratest.Address(t, strings.Replace(server.URL(), "geheim", "falsch", 1)), o)
	if !errors.Is(err, ErrRefused) || strings.Contains(err.Error(), "falsch") {
		t.Errorf("wrong password: %v", err)
	}
}
