package thread_test

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vigil/alerts"
	"vigil/alerts/thread"
	"vigil/alerts/thread/threadtest"
)

// A camera's next event waits behind a held end, and another camera's does not.
func TestHeldEndDelaysOnlyItsCamera(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l threadtest.Store
		p := thread.NewQueue(thread.Options{
			Publisher: &l, Evidence: threadtest.NewEvidence(3 * time.Second),
			Log: slog.New(slog.DiscardHandler),
		})
		done := make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { done <- p.Run(ctx) }()
		footage := threadtest.NoMedia{}
		enqueue := func(camera, id string, phase alerts.Phase) {
			p.Enqueue(thread.Message{
				Alert: alerts.Alert{Camera: camera, ID: id, Phase: phase}, Media: footage,
				QueuedAt: time.Now(),
			})
		}
		for _, camera := range []string{"gate", "yard"} {
			enqueue(camera, camera+"1", alerts.PhaseStart)
		}
		enqueue("gate", "gate1", alerts.PhaseEnd)
		for _, id := range []string{"gate2", "gate3"} {
			enqueue("gate", id, alerts.PhaseStart)
			enqueue("gate", id, alerts.PhaseEnd)
		}
		enqueue("yard", "yard1", alerts.PhaseEnd)
		time.Sleep(time.Minute)
		p.Close()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		order := map[string][]string{}
		for _, a := range l.Alerts() {
			if a.Phase != alerts.PhaseUpdate { // of a picture, which may be in time for the end
				order[a.Camera] = append(order[a.Camera], a.ID+":"+string(a.Phase))
			}
		}
		want := map[string]string{
			"gate": "gate1:start gate1:end gate2:start gate2:end gate3:start gate3:end",
			"yard": "yard1:start yard1:end",
		}
		for camera, w := range want {
			if got := strings.Join(order[camera], " "); got != w {
				t.Errorf("camera %s: %s\nwant %s", camera, got, w)
			}
		}
	})
}

// That a camera cannot be trusted is not held back by the end of an event that waits for its clip.
func TestUntrustedDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l threadtest.Store
		began := time.Now()
		var order []string
		p := thread.NewQueue(thread.Options{
			Publisher: &l, Evidence: threadtest.NewEvidence(time.Hour),
			Log: slog.New(slog.DiscardHandler), OnAlert: func(a alerts.Alert) {
				after := time.Since(began).Round(time.Second)
				order = append(order, fmt.Sprintf("%s:%s after %v", a.ID, a.Phase, after))
			},
		})
		done := make(chan error, 1)
		go func() { done <- p.Run(t.Context()) }()
		for _, a := range []alerts.Alert{
			{ID: "a", Phase: alerts.PhaseStart, Kind: alerts.KindAnomaly},
			{ID: "a", Phase: alerts.PhaseEnd, Kind: alerts.KindAnomaly},
			{ID: "b", Phase: alerts.PhaseStart, Kind: alerts.KindUntrusted},
		} {
			a.Camera = "gate"
			p.Enqueue(thread.Message{Alert: a, Media: threadtest.NoMedia{}, QueuedAt: time.Now()})
			if a.Phase == alerts.PhaseStart {
				synctest.Wait() // its picture is there before the end comes
			}
		}
		time.Sleep(time.Minute)
		p.Close()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(order, ", "); got != "a:start after 0s, a:update after 0s, a:end after 0s, "+
			"b:start after 0s, b:update after 0s" {
			t.Errorf("published %s", got)
		}
	})
}

// An end that waited long enough lists its clip as pending, if the program keeps running.
func TestEndListsPendingEvidence(t *testing.T) {
	for name, c := range map[string]struct {
		stop     bool
		promises int
		missing  string
	}{"goes on": {false, 1, "[]"}, "stops": {true, 0, "[{clip stopped}]"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var l threadtest.Store
				s := threadtest.NewEvidence(time.Hour)
				p := thread.NewQueue(thread.Options{
					Publisher: &l, Evidence: s,
					Log: slog.New(slog.DiscardHandler),
				})
				done := make(chan error, 1)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				go func() { done <- p.Run(ctx) }()
				for _, phase := range []alerts.Phase{alerts.PhaseStart, alerts.PhaseEnd} {
					p.Enqueue(thread.Message{
						Alert: alerts.Alert{Camera: "gate", ID: "1", Phase: phase},
						Media: threadtest.NoMedia{}, QueuedAt: time.Now(),
					})
					synctest.Wait()
				}
				began := time.Now()
				if c.stop {
					cancel()
				}
				time.Sleep(thread.HoldTime + time.Second)
				synctest.Wait()
				end := l.Alerts()[len(l.Alerts())-1]
				if end.Phase != alerts.PhaseEnd || len(end.EvidencePending) != c.promises ||
					c.promises == 1 && end.EvidencePending[0].Name != "1/clip" {
					t.Errorf("after %v the %s promises %v", time.Since(began), end.Phase, end.EvidencePending)
				}
				if got := fmt.Sprint(end.EvidenceMissing); got != c.missing {
					t.Errorf("the end says that %s is missing, want %s", got, c.missing)
				}
				time.Sleep(2 * time.Hour)
				p.Close()
				if err := <-done; err != nil {
					t.Fatal(err)
				}
				if last := l.Alerts()[len(l.Alerts())-1]; last.Phase != alerts.PhaseEnd {
					t.Errorf("after the end came a %s", last.Phase)
				}
			})
		})
	}
}

// A camera has events faster than their clips are made when a stop signal arrives or the recording ends: none of their
// messages is lost, because held ends do not wait one after the other.
func TestQueuedEndsArePublishedAtStop(t *testing.T) {
	for name, c := range map[string]struct {
		stopped bool
		hold    time.Duration
	}{"stopped": {true, thread.HoldAtStop}, "recording ended": {false, thread.HoldTime}} {
		t.Run(name, func(t *testing.T) { endsBehindEachOther(t, c.stopped, c.hold) })
	}
}

func endsBehindEachOther(t *testing.T, stopped bool, hold time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		const events = 40
		l := &threadtest.Store{}
		p := thread.NewQueue(thread.Options{
			Publisher: l, Evidence: threadtest.NewEvidence(-1),
			Log: slog.New(slog.DiscardHandler),
		})
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		for range events {
			a := alerts.Alert{ID: alerts.NewID(), Camera: "yard", Phase: alerts.PhaseStart}
			p.Enqueue(thread.Message{Alert: a, Media: threadtest.NoMedia{}})
			a.Phase = alerts.PhaseEnd
			p.Enqueue(thread.Message{Alert: a, Media: threadtest.NoMedia{}})
		}
		time.Sleep(time.Second)
		if stopped {
			stop()
		}
		began := time.Now()
		p.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > hold+100*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		next := map[string]int{}
		for _, a := range l.Alerts() {
			if a.Seq != next[a.ID] {
				t.Errorf("message %d of an event came where %d was due", a.Seq, next[a.ID])
			}
			next[a.ID]++
		}
		if n := len(l.Alerts()); len(next) != events || l.Alerts()[n-1].Phase != alerts.PhaseEnd {
			t.Errorf("%d messages of %d events, want those of %d", n, len(next), events)
		}
	})
}

// A stop without a Publisher while events start and end: the events' state belongs only to the scheduler's goroutine,
// which the race detector verifies.
// A slow store gets all alerts after the cameras have ended, in whatever time it takes.
func TestASlowStoreGetsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slowStore{takes: thread.DrainTime / 2}
		p := thread.NewQueue(thread.Options{Publisher: store, Log: slog.New(slog.DiscardHandler)})
		done := make(chan error, 1)
		go func() { done <- p.Run(t.Context()) }()
		const events = 50
		for i := range events {
			for _, phase := range []alerts.Phase{alerts.PhaseStart, alerts.PhaseEnd} {
				p.Enqueue(thread.Message{Alert: alerts.Alert{Camera: "gate", ID: strconv.Itoa(i), Phase: phase}})
			}
		}
		p.Close()
		if err := <-done; err != nil || len(store.Alerts()) != 2*events {
			t.Errorf("stored are %d of %d: %v", len(store.Alerts()), 2*events, err)
		}
	})
}

// slowStore takes some time to store each alert.
type slowStore struct {
	threadtest.Store
	takes time.Duration
}

func (s *slowStore) Publish(ctx context.Context, a alerts.Alert) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(s.takes):
		return s.Store.Publish(ctx, a)
	}
}

func TestStopWithoutAPublisher(t *testing.T) {
	for range 20 {
		var published []alerts.Alert
		p := thread.NewQueue(thread.Options{
			OnAlert: func(a alerts.Alert) { published = append(published, a) },
			Log:     slog.New(slog.DiscardHandler),
		})
		ctx, stop := context.WithCancel(t.Context())
		var publishing, scoring sync.WaitGroup
		publishing.Go(func() {
			if err := p.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		scoring.Go(func() {
			for i := range 100 {
				for _, phase := range []alerts.Phase{alerts.PhaseStart, alerts.PhaseUpdate, alerts.PhaseEnd} {
					p.Enqueue(thread.Message{Alert: alerts.Alert{Camera: "gate", ID: strconv.Itoa(i), Phase: phase}})
				}
			}
		})
		stop()
		scoring.Wait()
		p.Close()
		publishing.Wait()
		if len(published) != 300 || published[299].Seq != 2 {
			t.Fatalf("%d messages were published, want 300", len(published))
		}
	}
}
