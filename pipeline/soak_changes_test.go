//go:build linux && cgo && gocv_videoio

package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/internal/alerttest"
	"vigil/internal/cameratest"
	"vigil/internal/faultproxy"
	"vigil/internal/rtsptest"
	"vigil/pipeline/detect"
)

// maxLogShown bounds how much of the log a soak that has failed shows.
const maxLogShown = 100 << 10

// openEvents is a Publisher that keeps the events which are open.
type openEvents struct {
	mu    sync.Mutex
	open  map[string]bool
	count int
}

func (o *openEvents) Publish(_ context.Context, a alerts.Alert) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if a.Phase == alerts.PhaseEnd {
		delete(o.open, a.ID)
		return nil
	}
	if !o.open[a.ID] {
		o.count++
	}
	o.open[a.ID] = true
	return nil
}

func (*openEvents) PublishScore(alerts.Score) error   { return nil }
func (*openEvents) PublishStatus(alerts.Status) error { return nil }

// soakSettings are the length of a soak and its seed, from VIGIL_SOAK and VIGIL_SEED.
func soakSettings(t *testing.T) (length time.Duration, seed uint64) {
	t.Helper()
	length, seed = soakTime, rand.Uint64()
	if v := os.Getenv("VIGIL_SOAK"); v != "" {
		d, err := time.ParseDuration(v)
		if err != nil {
			t.Fatal(err)
		}
		length = d
	}
	if v, err := strconv.ParseUint(os.Getenv("VIGIL_SEED"), 10, 64); err == nil {
		seed = v
	}
	t.Logf("for %v, seed %d", length, seed)
	return length, seed
}

// TestSoakOfChanges adds, changes and removes cameras, some of which have faults, beside four that stay. Those lose
// nothing unless the machine is overloaded, every event ends, and the program uses no more resources than before.
func TestSoakOfChanges(t *testing.T) {
	if !inOwnProcess(t) {
		return
	}
	length, seed := soakSettings(t)
	if os.Getenv("VIGIL_SOAK") == "" {
		length /= 4
	}
	const steady, lanes = 4, 2
	server, quiet := rtsptest.Start(t, rtsptest.Options{}), rtsptest.Start(t, rtsptest.Options{})
	m := cameratest.ZeroModel(t, 0)
	events := &openEvents{open: map[string]bool{}}
	var log alerttest.Log
	e := NewEngine(t.Context(), Options{
		Threads: 1, Publisher: events, Summary: time.Minute,
		Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelInfo})),
	})
	t.Cleanup(func() {
		if text := log.String(); t.Failed() {
			t.Log(text[max(0, len(text)-maxLogShown):])
		}
	})
	add := func(c *faultCamera) {
		if err := e.Add(Camera{
			Name: c.name, Pictures: c.open, Model: m, Live: true, Hop: 8, FPS: 25,
			Threshold: Threshold{Lo: 1e-6, Theta: 2e-6}, Detector: detect.Config{Enter: 0.5, Leave: 0.6},
			RetryMin: 100 * time.Millisecond, RetryMax: 400 * time.Millisecond, FrozenAfter: 3 * time.Second,
		}); err != nil {
			t.Error(err)
		}
	}
	stay := &faultRun{}
	for i := range steady {
		c := &faultCamera{name: fmt.Sprintf("steady-%d", i)}
		url := quiet.URL()
		c.url.Store(&url)
		stay.cameras = append(stay.cameras, c)
		add(c)
	}
	var proxies []*faultproxy.Proxy
	for i := range uint64(lanes) {
		proxies = append(proxies, faultproxy.Start(t, server.URL(), seed+i))
	}
	deliver := func() {
		for _, c := range stay.cameras {
			c.waitForPictures(t)
		}
	}
	began := time.Now()
	var mu sync.Mutex
	visits, updates, faults := 0, 0, 0
	visit := func(lane int, rng *rand.Rand, until time.Duration) {
		p := proxies[lane]
		wait := func(least, most time.Duration) {
			time.Sleep(min(least+time.Duration(rng.Int64N(int64(most-least))), max(0, until-time.Since(began))))
		}
		for n := 0; time.Since(began) < until; n++ {
			c := &faultCamera{name: fmt.Sprintf("visitor-%d-%d", lane, n%5)}
			url := p.URL(server.URL())
			c.url.Store(&url)
			add(c)
			wait(100*time.Millisecond, 6*time.Second)
			if all := faultproxy.Faults(); rng.IntN(2) == 0 {
				p.Set(all[rng.IntN(len(all))])
				wait(100*time.Millisecond, 4*time.Second)
				mu.Lock()
				faults++
				mu.Unlock()
			}
			if rng.IntN(2) == 0 {
				if err := e.Update(Camera{
					Name: c.name, Pictures: c.open, Model: m, Live: true, Hop: 8, FPS: 25,
					Threshold: Threshold{Lo: 1, Theta: 2}, Detector: detect.Config{Enter: 0.1, Leave: 0.2},
					RetryMin: 100 * time.Millisecond, RetryMax: 400 * time.Millisecond, FrozenAfter: 3 * time.Second,
				}); err != nil {
					t.Error(err)
				}
				wait(0, 2*time.Second)
				mu.Lock()
				updates++
				mu.Unlock()
			}
			s, err := e.Remove(c.name, alerts.EndReconfigured)
			if err != nil {
				t.Error(err)
			}
			checkSums(t, s)
			p.Set(faultproxy.None)
			mu.Lock()
			visits++
			mu.Unlock()
			wait(0, time.Second)
		}
	}
	churn := func(until time.Duration, salt uint64) {
		var all sync.WaitGroup
		for lane := range lanes {
			rng := rand.New(rand.NewPCG(seed+salt, uint64(lane))) //nolint:gosec // Changes need not be secret.
			all.Go(func() { visit(lane, rng, until) })
		}
		all.Wait()
	}
	deliver()
	churn(time.Since(began)+length/10, 1) // what is allocated once is there
	before := stay.usage(t)
	churn(time.Since(began)+length, 0)
	deliver()
	after := stay.usage(t)
	stats := e.Stats()
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if len(stats) != steady {
		t.Errorf("%d cameras are left", len(stats))
	}
	for _, s := range stats {
		t.Logf("%s: %d frames, %d gaps, %d clips skipped of %d, %v", s.Camera, s.Frames, s.Gaps, s.Skipped, s.Due,
			s.States)
		// Where the machine has no time left, cameras stall and are paused, and that is a gap. Without that no frame
		// may be lost, and no camera may be opened again.
		if s.States[alerts.StateStalled]+s.States[alerts.StatePausedOverload] > 0 {
			continue
		}
		if s.Openings != 1 || s.Failures+s.Missing+s.DecodeErrors+s.Dropped+s.Unscorable != 0 {
			t.Errorf("%s has lost something: %+v", s.Camera, s)
		}
	}
	if len(events.open) > 0 || events.count == 0 {
		t.Errorf("of %d events %d have no end", events.count, len(events.open))
	}
	const mib = 1 << 20
	t.Logf("%d cameras came and went, %d changes, %d faults, %d events; before and after: goroutines %d %d, files %d "+
		"%d, "+
		"own memory %d %d MiB, %d %d workers with %d %d MiB, Mats %v %v", visits, updates, faults, events.count,
		before.goroutines, after.goroutines, before.files, after.files, before.resident/mib, after.resident/mib,
		before.workers, after.workers, before.workerBytes/mib, after.workerBytes/mib, before.mats, after.mats)
	if after.goroutines > before.goroutines+2*steady || after.files > before.files+2*steady ||
		after.workers != steady || after.resident > before.resident+64*mib ||
		after.workerBytes > before.workerBytes*5/4 {
		t.Errorf("it uses more than before: %+v, before %+v", after, before)
	}
	if n := countWorkers(t); n != 0 {
		t.Errorf("%d workers are left", n)
	}
}
