//go:build cgo && gocv_videoio

package capture

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"vigil/internal/cameratest"
	"vigil/internal/rtsptest"
)

// segments is a folder of files 0.mkv, 1.mkv and so on.
type segments struct {
	dir   string
	file  *os.File
	n     int
	ended []SegmentStats
	last  SegmentStats // as of the last flush
}

func (s *segments) path(i int) string { return filepath.Join(s.dir, strconv.Itoa(i)+".mkv") }

func (s *segments) Begin(time.Time) (w io.WriterAt, err error) {
	s.file, err = os.Create(s.path(s.n))
	s.n++
	return s.file, err
}

func (s *segments) Flushed(st SegmentStats) error {
	s.last = st
	return nil
}

func (s *segments) End(st SegmentStats) error {
	s.ended = append(s.ended, st)
	return s.file.Close()
}

// packets returns the number of packets in a file, whether the first is a key frame, and their times in seconds.
func packets(t *testing.T, path string) (n int, key bool, at []float64) {
	t.Helper()
	out := cameratest.FFprobe(t, "-select_streams", "v", "-show_entries", "packet=flags,pts_time", "-of",
		"csv=p=0", path)
	for i, line := range strings.Fields(string(out)) {
		fields := strings.Split(line, ",")
		if i == 0 {
			key = strings.HasPrefix(fields[1], "K")
		}
		pts, err := strconv.ParseFloat(fields[0], 64)
		if err != nil {
			t.Fatalf("%s: %q", path, line)
		}
		at = append(at, pts)
		n++
	}
	return n, key, at
}

// decoded returns the number of frames that vigil reads from a file, and any error.
func decoded(t *testing.T, path string) (int, error) {
	t.Helper()
	s := openAddress(t, cameratest.Address(t, path), Options{})
	n, _, err := readAll(t, s)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

const camera = "( videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=25/1 ! "

// For every codec, each segment starts with a key frame at time 0 and plays by itself, and no packet is lost between
// segments. Audio is dropped.
func TestSegmenter(t *testing.T) {
	tests := map[string]string{
		"h264": camera +
			"x264enc tune=zerolatency speed-preset=ultrafast key-int-max=10 ! rtph264pay name=pay0 pt=96 )",
		"h265": camera +
			"x265enc tune=zerolatency speed-preset=ultrafast key-int-max=10 ! rtph265pay name=pay0 pt=96 )",
		"mjpeg": strings.Replace(camera, "video/x-raw,", "video/x-raw,format=I420,", 1) +
			"jpegenc ! rtpjpegpay name=pay0 pt=26 )",
		"with sound": camera +
			"x264enc tune=zerolatency speed-preset=ultrafast key-int-max=10 ! rtph264pay name=pay0 pt=96 " +
			"audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ! alawenc ! rtppcmapay name=pay1 pt=8 )",
		"B-frames": camera +
			"x264enc bframes=2 speed-preset=ultrafast rc-lookahead=2 key-int-max=10 ! rtph264pay name=pay0 pt=96 )",
	}
	for name, launch := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := rtsptest.Start(t, rtsptest.Options{Launch: launch})
			stream, err := OpenPackets(t.Context(), cameratest.Address(t, server.URL()),
				Options{OpenTimeout: time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			defer stream.Close()
			files := &segments{dir: t.TempDir()}
			s := Segmenter{Coding: stream.Coding(), Length: 700 * time.Millisecond, Files: files}
			var p Packet
			for sent := 0; sent < 45; {
				if err := stream.Read(t.Context(), &p); err != nil {
					t.Fatal(err)
				}
				if err := s.Write(&p); err != nil {
					t.Fatal(err)
				}
				if !s.Waiting() {
					sent++
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			total := 0
			for i, st := range files.ended {
				n, key, at := packets(t, files.path(i))
				if !key || at[0] > 0.2 || n != st.Frames {
					t.Errorf("segment %d: %d packets of %d, a key frame first: %v, from %v on", i, n,
						st.Frames, key, at)
				}
				if shown, err := decoded(t, files.path(i)); shown != n || err != nil {
					t.Errorf("segment %d: %d of %d pictures are read, %v", i, shown, n, err)
				}
				if i < len(files.ended)-1 && st.Duration < 600*time.Millisecond {
					t.Errorf("segment %d lasts %v", i, st.Duration)
				}
				total += n
			}
			if total != 45 || files.n < 2 || len(files.ended) != files.n {
				t.Errorf("%d packets in %d segments", total, files.n)
			}
			streams := string(cameratest.FFprobe(t, "-show_entries", "stream=codec_type", "-of", "csv=p=0",
				files.path(0)))
			if strings.TrimSpace(streams) != "video" {
				t.Errorf("it has %q", streams)
			}
			if d := string(cameratest.FFprobe(t, "-show_entries", "format=duration", "-of", "csv=p=0",
				files.path(0))); strings.HasPrefix(d, "N/A") {
				t.Error("a finished segment does not say how long it is")
			}
		})
	}
}

// A segment whose writer dies keeps everything that was flushed and can be read to that point.
func TestSegmentCutOff(t *testing.T) {
	for codec, args := range map[string][]string{
		"h264":  {"-c:v", "libx264", "-bf", "0", "-g", "10"},
		"mjpeg": {"-c:v", "mjpeg"},
	} {
		t.Run(codec, func(t *testing.T) {
			path := cameratest.Video(t, "a.mkv", "testsrc2=s=64x48:r=10:d=10", args...)
			server := httptest.NewServer(
				http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, path) }))
			defer server.Close()
			stream, err := OpenPackets(t.Context(), cameratest.Address(t, server.URL), quick)
			if err != nil {
				t.Fatal(err)
			}
			defer stream.Close()
			files := &segments{dir: t.TempDir()}
			s := Segmenter{Coding: stream.Coding(), Length: time.Hour, Files: files}
			var p Packet
			for range 94 {
				if err := errors.Join(stream.Read(t.Context(), &p), s.Write(&p)); err != nil {
					t.Fatal(err)
				}
			}
			s.Abandon()
			if files.last.Frames < 89 {
				t.Errorf("%d of 94 frames were flushed", files.last.Frames)
			}
			if n, err := decoded(t, files.path(0)); n != files.last.Frames || err != nil {
				t.Errorf("%d of %d pictures are read, %v", n, files.last.Frames, err)
			}
		})
	}
}

// Motion JPEG over HTTP has no timestamps, so arrival times are used.
func TestPacketsOfMotionJPEG(t *testing.T) {
	raw := cameratest.FFmpeg(t, "-f", "lavfi", "-i", "color=red:s=64x48:d=0.04", "-f", "image2pipe", "-c:v",
		"mjpeg", "-")
	url := cameratest.MotionJPEG(t, 100*time.Millisecond, func(int) []byte { return raw })
	stream, err := OpenPackets(t.Context(), cameratest.Address(t, url), Options{OpenTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	var p Packet
	var first Packet
	for i := range 20 {
		if err := stream.Read(t.Context(), &p); err != nil {
			t.Fatal(err)
		}
		if i == 8 { // the first ones were buffered and read together
			first = p
		}
	}
	if got, passed := p.PTS-first.PTS, p.Arrival.Sub(first.Arrival); (got - passed).Abs() > passed/20 {
		t.Errorf("%v by their times, %v by the clock", got, passed)
	}
}
