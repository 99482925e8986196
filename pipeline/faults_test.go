//go:build cgo && gocv_videoio

package pipeline

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/capture/source"
	"vigil/internal/cameratest"
	"vigil/internal/faultproxy"
	"vigil/internal/rtsptest"
	"vigil/pipeline/detect"
	"vigil/pipeline/worker"
	"vigil/video"
)

// TestMain also is the entry of the worker, which is this same binary.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == worker.Argument {
		go reportMats()
		os.Exit(worker.Main())
	}
	os.Exit(m.Run())
}

// waitTimeout is a timeout for what takes seconds; only a failure uses it up.
const waitTimeout = time.Minute

// faultCamera is a camera that a test injects faults into.
type faultCamera struct {
	name string
	url  atomic.Pointer[string]
	pid  atomic.Int64
	pics atomic.Uint64 // since the start

	mu     sync.Mutex
	states []alerts.Status
	clips  []detect.Clip
}

// countingSource counts the pictures that the worker delivers.
type countingSource struct {
	*worker.Process
	s *faultCamera
}

func (c countingSource) Next(ctx context.Context) (video.Picture, error) {
	pic, err := c.Process.Next(ctx)
	if err == nil {
		c.s.pics.Add(1)
	}
	return pic, err
}

func (s *faultCamera) open(ctx context.Context, o OpenRequest) (PictureSource, error) {
	addr, err := source.ParseAddress(*s.url.Load())
	if err != nil {
		return nil, err
	}
	p, err := worker.Start(ctx, worker.Options{
		Address: addr, OpenTimeout: 3 * time.Second, ReadTimeout: 2 * time.Second, Side: 32, FirstSeq: o.FirstSeq,
		Generation: o.Generation, FPSHint: o.FPSHint,
		OnStall: o.OnStall, Memory: 1 << 30, Keep: 10 * time.Second, KeepBytes: 4 << 20,
	})
	if err != nil {
		return nil, err
	}
	s.pid.Store(int64(p.PID()))
	return countingSource{p, s}, nil
}

func (s *faultCamera) status(st alerts.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.states = append(s.states, st)
}

// since returns the states from a mark on, and their details.
func (s *faultCamera) since(mark int) (states string, details string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var w, d []string
	for _, st := range s.states[mark:] {
		w = append(w, string(st.State))
		if st.Detail != "" {
			d = append(d, st.Detail)
		}
	}
	return strings.Join(w, " "), strings.Join(d, "; ")
}

func (s *faultCamera) mark() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.states)
}

// faultRun is several cameras under one Run.
type faultRun struct {
	cameras []*faultCamera
	stop    context.CancelFunc
	done    chan struct{}
	stats   []Stats // valid after done
}

func (s *faultRun) Publish(context.Context, alerts.Alert) error { return nil }
func (s *faultRun) PublishScore(alerts.Score) error             { return nil }
func (s *faultRun) PublishStatus(st alerts.Status) error {
	for _, c := range s.cameras {
		if c.name == st.Camera {
			c.status(st)
		}
	}
	return nil
}

// startCameras runs a camera for each URL. Run ends with the test at the latest.
func startCameras(t *testing.T, urls ...string) *faultRun {
	t.Helper()
	return startCamerasWith(t, func(*Camera) {}, urls...)
}

// startCamerasWith is startCameras with changes to the cameras.
func startCamerasWith(t *testing.T, change func(*Camera), urls ...string) *faultRun {
	t.Helper()
	st := &faultRun{done: make(chan struct{})}
	m := cameratest.ZeroModel(t, 0)
	var cameras []Camera
	for i, u := range urls {
		s := &faultCamera{name: fmt.Sprintf("camera-%d", i)}
		s.url.Store(&u)
		st.cameras = append(st.cameras, s)
		cameras = append(cameras, Camera{
			Name: s.name, Pictures: s.open, Model: m, Live: true, Hop: 8, FPS: 25,
			Threshold: Threshold{Lo: 1, Theta: 2}, Detector: detect.Config{Enter: 0.1, Leave: 0.2},
			RetryMin: 100 * time.Millisecond, RetryMax: 400 * time.Millisecond, FrozenAfter: 3 * time.Second,
		})
		change(&cameras[i])
	}
	ctx, stop := context.WithCancel(t.Context())
	st.stop = stop
	go func() {
		stats, err := Run(ctx, cameras, Options{Threads: 1, Publisher: st, OnClip: func(c detect.Clip) {
			for _, s := range st.cameras {
				if s.name == c.Camera {
					c.Map = nil
					s.mu.Lock()
					s.clips = append(s.clips, c)
					s.mu.Unlock()
				}
			}
		}})
		if err != nil {
			t.Error(err)
		}
		st.stats = stats
		close(st.done)
	}()
	t.Cleanup(func() {
		st.end(t)
		for _, s := range st.cameras {
			if t.Failed() {
				states, details := s.since(0)
				t.Logf("%s: %s: %s", s.name, states, details)
			}
		}
	})
	return st
}

// end stops the cameras and returns their counts.
func (s *faultRun) end(t *testing.T) []Stats {
	t.Helper()
	s.stop()
	select {
	case <-s.done:
		return s.stats
	case <-time.After(waitTimeout):
		t.Error("Run does not end")
		return nil
	}
}

func waitFor(t *testing.T, what string, f func() bool) {
	t.Helper()
	for began := time.Now(); !f(); time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > waitTimeout {
			t.Fatalf("timed out waiting for %s", what)
		}
	}
}

// waitForPictures waits for some more pictures of the camera.
func (s *faultCamera) waitForPictures(t *testing.T) {
	t.Helper()
	goal := s.pics.Load() + 20
	waitFor(t, s.name+" to show pictures", func() bool { return s.pics.Load() >= goal })
}

// clipSpanning returns a clip with a picture from before from and one from after to.
func (s *faultCamera) clipSpanning(from, to time.Time) *detect.Clip {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.clips {
		if c.First.Wall.Before(from) && c.Last.Wall.After(to) {
			return &c
		}
	}
	return nil
}

// TestFaults injects every fault in turn into cameras that run beside one without faults. Each fault is reported, the
// camera recovers by itself when the fault ends, no clip spans it, and the other camera loses nothing.
func TestFaults(t *testing.T) {
	t.Parallel()
	server := rtsptest.Start(t, rtsptest.Options{User: "viewer", Password: "geheim"})
	quiet := rtsptest.Start(t, rtsptest.Options{})
	const lanes = 4
	var proxies []*faultproxy.Proxy
	urls := []string{quiet.URL()}
	for i := range lanes {
		p := faultproxy.Start(t, server.URL(), uint64(i+1))
		proxies = append(proxies, p)
		urls = append(urls, p.URL(server.URL()))
	}
	st := startCameras(t, urls...)
	type fault struct {
		name     string
		do, undo func(t *testing.T, lane int)
		want     string // state that it must lead to
		reason   string // part of the reason
	}
	var faults []fault
	for _, f := range faultproxy.Faults() {
		want, reason := "failing", ""
		switch f {
		case faultproxy.Refuse:
			reason = "no connection"
		case faultproxy.Mute:
			reason = "does not answer"
		case faultproxy.Empty:
			reason = "0x0 pixels"
		case faultproxy.Stall, faultproxy.HalfOpen, faultproxy.Trickle:
			reason = "no picture came within 2s"
		case faultproxy.Corrupt:
			want = "" // it may go on with the intact pictures
		}
		faults = append(faults, fault{
			f.String(),
			func(_ *testing.T, lane int) { proxies[lane].Set(f) },
			func(_ *testing.T, lane int) { proxies[lane].Set(faultproxy.None) }, want, reason,
		})
	}
	signal := func(s syscall.Signal) func(*testing.T, int) {
		return func(t *testing.T, lane int) {
			if err := syscall.Kill(int(st.cameras[lane+1].pid.Load()), s); err != nil {
				t.Error(err)
			}
		}
	}
	address := func(old, changed string) func(*testing.T, int) {
		return func(_ *testing.T, lane int) {
			u := strings.Replace(urls[lane+1], old, changed, 1)
			st.cameras[lane+1].url.Store(&u)
			proxies[lane].Cut()
		}
	}
	nothing := func(*testing.T, int) {}
	faults = append(
		faults,
		fault{"wrong password", address("geheim", "falsch"), address("", ""), "failing", "wrong user name or password"},
		fault{"wrong path", address("/test", "/none"), address("", ""), "failing", "no such stream"},
		fault{"worker killed", signal(syscall.SIGKILL), nothing, "failing", "process died"},
		fault{"worker stopped", signal(syscall.SIGSTOP), nothing, "failing", "does not say why"},
		fault{"worker aborts", signal(syscall.SIGABRT), nothing, "failing", "process died"},
	)
	for _, s := range st.cameras {
		s.waitForPictures(t)
	}
	var all sync.WaitGroup
	for lane := range lanes {
		all.Go(func() {
			for i := lane; i < len(faults); i += lanes {
				f, s := faults[i], st.cameras[lane+1]
				s.waitForPictures(t)
				mark, began := s.mark(), time.Now()
				f.do(t, lane)
				waitFor(t, f.name+" to be noticed", func() bool {
					states, details := s.since(mark)
					return strings.Contains(states, f.want) && strings.Contains(details, f.reason) && (f.want != "" ||
						time.Since(began) > 3*time.Second)
				})
				noticed := time.Since(began)
				f.undo(t, lane)
				cleared := time.Now()
				back := s.pics.Load()
				waitFor(t, s.name+" to come back after "+f.name, func() bool { return s.pics.Load() > back })
				recovered := time.Since(cleared)
				s.waitForPictures(t)
				_, details := s.since(mark)
				if !strings.Contains(details, f.reason) {
					t.Errorf("%s: reported as %q, want %q", f.name, details, f.reason)
				}
				if strings.Contains(details, "geheim") || strings.Contains(details, "falsch") {
					t.Errorf("%s: a status has the password in it: %s", f.name, details)
				}
				if c := s.clipSpanning(began, cleared); c != nil && f.want != "" {
					t.Errorf("%s: a clip spans it: frames %d to %d, %v to %v", f.name, c.First.Frame, c.Last.Frame,
						c.First.Wall, c.Last.Wall)
				}
				t.Logf("| %s | %.1f s | %.1f s | %s |", f.name, noticed.Seconds(), recovered.Seconds(), details)
			}
		})
	}
	all.Wait()
	stats := st.end(t)
	for i, s := range stats {
		t.Logf("%s: %d frames, %d openings, %d failures, %v", s.Camera, s.Frames, s.Openings, s.Failures, s.States)
		if i > 0 && (s.Failures == 0 || s.States[alerts.StateFailing] != s.Failures) {
			t.Errorf("%s: %d failures, %d times failing", s.Camera, s.Failures, s.States[alerts.StateFailing])
		}
	}
	if q := stats[0]; q.Failures != 0 || q.Openings != 1 || q.Missing != 0 || q.DecodeErrors != 0 {
		t.Errorf("the camera without a fault has %d failures, %d openings, lost %d frames, %d decode errors",
			q.Failures,
			q.Openings, q.Missing, q.DecodeErrors)
	}
	damaged := uint64(0)
	for _, s := range stats {
		damaged += s.DecodeErrors
	}
	if damaged == 0 {
		t.Error("the camera whose packets were damaged has no decode errors")
	}
}
