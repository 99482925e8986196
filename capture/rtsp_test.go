//go:build cgo && gocv_videoio

package capture

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"vigil/capture/source"
	"vigil/internal/cameratest"
	"vigil/internal/rtsptest"
	"vigil/video"
)

// quick has timeouts that are short for tests and long enough to open a stream on a busy machine.
var quick = Options{OpenTimeout: 10 * time.Second, ReadTimeout: 2 * time.Second}

func openAddress(t testing.TB, addr source.Address, o Options) *Stream {
	t.Helper()
	s, err := Open(t.Context(), addr, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestRTSP(t *testing.T) {
	for _, transport := range []string{"tcp", "udp"} {
		t.Run(transport, func(t *testing.T) {
			server := rtsptest.Start(t, rtsptest.Options{})
			addr := cameratest.Address(t, server.URL())
			o := quick
			o.Transport = transport
			s := openAddress(t, addr, o)
			if i := s.Info(); i.Width != 320 || i.Height != 240 || i.FPS != 25 || i.Frames != 0 || !i.Live {
				t.Errorf("info %+v", i)
			}
			if n := s.src.(*libav).threads; n != 1 {
				t.Errorf("%d threads decode", n)
			}
			seq := readInOrder(t, s, 0, 1)

			server.Stop()
			began := time.Now()
			var f video.Frame
			var err error
			for err == nil { // drain what is still in transit
				err = s.Read(t.Context(), &f)
				seq++
			}
			if took := time.Since(began); !errors.Is(err, ErrLost) || took > 2*o.ReadTimeout {
				t.Errorf("%v after %v", err, took)
			}
			if again := s.Read(t.Context(), &f); !errors.Is(again, ErrLost) {
				t.Errorf("then %v", again)
			}
			if _, err := Open(t.Context(), addr, o); err == nil || !strings.Contains(err.Error(), "no connection") {
				t.Errorf("opening while the server is away: %v", err)
			}

			server.Restart()
			o.FirstSeq, o.Generation, o.FPSHint = seq, 2, 24.5
			s = openAddress(t, addr, o)
			if i := s.Info(); i.Width != 320 || i.FPS != 24.5 {
				t.Errorf("opened again: %+v", i)
			}
			readInOrder(t, s, seq, 2)
		})
	}
}

// A server that stays connected but sends nothing is detected after the read timeout, also over UDP, where no
// connection could break.
func TestRTSPStall(t *testing.T) {
	for _, transport := range []string{"tcp", "udp"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			server := rtsptest.Start(t, rtsptest.Options{})
			o := quick
			o.Transport = transport
			s := openAddress(t, cameratest.Address(t, server.URL()), o)
			server.Pause()
			var f video.Frame
			var err error
			waits := 0 // read timeouts; one may yield a frame that a parser held back
			for err == nil {
				began := time.Now()
				if err = s.Read(t.Context(), &f); time.Since(began) >= o.ReadTimeout {
					waits++
				}
			}
			if !errors.Is(err, ErrLost) || !strings.Contains(err.Error(), "no picture came within 2s") || waits != 1 {
				t.Errorf("%v after %d waits", err, waits)
			}
			server.Resume()
			readInOrder(t, openAddress(t, cameratest.Address(t, server.URL()), o), 0, 1)
		})
	}
}

// readInOrder reads 40 frames, checks that their numbers and times rise, and returns the next number.
func readInOrder(t *testing.T, s *Stream, first uint64, opening int) uint64 {
	t.Helper()
	var f video.Frame
	last := time.Duration(-1)
	for i := range uint64(40) {
		if err := s.Read(t.Context(), &f); err != nil {
			t.Fatal(err)
		}
		if f.Seq != first+i || f.Generation != opening || f.PTS <= last || f.Arrival.IsZero() || len(f.Pix) != 320*240 {
			t.Fatalf("frame %d: seq %d, opening %d, pts %v after %v, %d bytes", i, f.Seq, f.Generation, f.PTS, last,
				len(f.Pix))
		}
		last = f.PTS
	}
	if last < 1500*time.Millisecond || last > 1700*time.Millisecond {
		t.Errorf("40 frames at 25 a second end at %v", last)
	}
	return first + 40
}

func TestRTSPRefusals(t *testing.T) {
	server := rtsptest.Start(t, rtsptest.Options{User: "viewer", Password: "geheim"})
	good := server.URL()
	s := openAddress(t, cameratest.Address(t, good), quick)
	readInOrder(t, s, 0, 1)
	tests := []struct{ name, url, want string }{
		{"wrong password", strings.Replace(good, "geheim", "falsch", 1), "wrong user name or password"},
		{"no password", strings.Replace(good, "viewer:geheim@", "", 1), "wants a user name and a password"},
		{"no such path", strings.Replace(good, "/test", "/none", 1), "no such stream"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Open(t.Context(), cameratest.Address(t, tt.url), quick)
			if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "geheim") || strings.Contains(err.Error(), "falsch") {
				t.Errorf("the error has the password in it: %v", err)
			}
		})
	}
}

// A server that accepts the connection and sends nothing costs the timeout and no more.
func TestRTSPSilence(t *testing.T) {
	began := time.Now()
	o := Options{OpenTimeout: time.Second, ReadTimeout: time.Second}
	_, err := Open(t.Context(), cameratest.Address(t, "rtsp://"+cameratest.Silent(t)+"/x"), o)
	if took := time.Since(began); err == nil || took > 4*time.Second {
		t.Errorf("%v after %v", err, took)
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("error %v, want the error that the server does not answer", err)
	}
}
