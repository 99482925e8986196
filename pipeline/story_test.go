//go:build cgo && gocv_videoio

package pipeline

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vigil/alerts"
	"vigil/alerts/thread"
)

// studio is a witness that says what it is told to say, after a while.
type studio struct {
	after time.Duration // until the clip is made; below 0 for never
	found chan thread.Result

	mu   sync.Mutex
	seen []thread.Request
}

func newStudio(after time.Duration) *studio {
	return &studio{after: after, found: make(chan thread.Result, 100)} // See must not wait: two for each event
}

func (s *studio) Results() <-chan thread.Result { return s.found }

func (s *studio) Submit(g thread.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, g)
	a := g.Alert
	piece := func(kind alerts.EvidenceKind) alerts.Evidence {
		return alerts.Evidence{
			Kind: kind, MediaType: "x/y", Bucket: "B", Name: a.ID + "/" + string(kind),
			SHA256: strings.Repeat("00", 32),
		}
	}
	switch a.Phase {
	case alerts.PhaseStart:
		s.found <- thread.Result{
			Camera: a.Camera, AlertID: a.ID,
			Items: []alerts.Evidence{piece(alerts.EvidenceSnapshot)},
		}
	case alerts.PhaseEnd:
		s.found <- thread.Result{
			Camera: a.Camera, AlertID: a.ID, Items: []alerts.Evidence{piece(alerts.EvidenceSnapshot)},
			Pending: []alerts.PendingEvidence{{Kind: alerts.EvidenceClip, Bucket: "B", Name: a.ID + "/clip"}},
		}
		if s.after >= 0 {
			time.AfterFunc(s.after, func() {
				s.found <- thread.Result{
					Camera: a.Camera, AlertID: a.ID, Last: true,
					Items: []alerts.Evidence{piece(alerts.EvidenceSnapshot), piece(alerts.EvidenceClip)},
				}
			})
		}
		return true
	}
	return false
}

func kinds(items []alerts.Evidence) string {
	var all []string
	for _, e := range items {
		all = append(all, string(e.Kind))
	}
	return strings.Join(all, "+")
}

// The first picture of an event comes as an update; its end waits for the clip, and no longer than it may.
func TestEvidenceGoesIntoTheMessages(t *testing.T) {
	for name, c := range map[string]struct {
		after time.Duration
		want  string
	}{
		"in time":  {time.Second, "snapshot+clip"},
		"too late": {time.Hour, "snapshot"},
		"never":    {-1, "snapshot"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var l ledger
				s := newStudio(c.after)
				cam := camera(t, "gate", film{greys: scene(60, 40, 60), err: io.EOF})
				cam.Media = NewMediaBuffer(time.Minute, 1<<20)
				began := time.Now()
				if _, err := Run(t.Context(), []Camera{cam}, Options{Publisher: &l, Evidence: s}); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took > drainTime {
					t.Errorf("it took %v", took)
				}
				l.life(t)
				end := l.alerts[len(l.alerts)-1]
				if got := kinds(end.Evidence); end.Phase != alerts.PhaseEnd || got != c.want {
					t.Errorf("the %s has evidence %q, want %q", end.Phase, got, c.want)
				}
				i := slices.IndexFunc(l.alerts, func(a alerts.Alert) bool { return kinds(a.Evidence) == "snapshot" })
				if i < 1 || l.alerts[i].Phase != alerts.PhaseUpdate {
					t.Errorf("the picture came in message %d", i)
				}
				if side := s.seen[0].Side; len(s.seen[0].Heat) != side*side ||
					s.seen[0].Alert.Phase != alerts.PhaseStart {
					t.Errorf("the witness saw a %s with %d of %dx%d errors", s.seen[0].Alert.Phase, len(s.seen[0].Heat),
						side, side)
				}
				time.Sleep(2 * time.Hour) // what is late finds nobody
			})
		})
	}
}

// A camera's next event stays behind an end that waits, and another camera's does not.
func TestAnEndThatWaitsHoldsUpItsOwnCameraOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l ledger
		p := newQueue(Options{Publisher: &l, Evidence: newStudio(3 * time.Second)}, 2, slog.New(slog.DiscardHandler))
		done := make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { done <- p.Run(ctx) }()
		footage := NewMediaBuffer(time.Minute, 1)
		say := func(camera, id string, phase alerts.Phase) {
			p.Enqueue(Message{Alert: alerts.Alert{Camera: camera, ID: id, Phase: phase}, Media: footage, QueuedAt: time.Now()})
		}
		for _, camera := range []string{"gate", "yard"} {
			say(camera, camera+"1", alerts.PhaseStart)
		}
		say("gate", "gate1", alerts.PhaseEnd)
		for _, id := range []string{"gate2", "gate3"} {
			say("gate", id, alerts.PhaseStart)
			say("gate", id, alerts.PhaseEnd)
		}
		say("yard", "yard1", alerts.PhaseEnd)
		time.Sleep(time.Minute)
		p.Close()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		order := map[string][]string{}
		for _, a := range l.alerts {
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

// An end that waited long enough promises the clip by its name, where the program goes on that makes it.
func TestAnEndPromisesWhatIsStillMade(t *testing.T) {
	for name, c := range map[string]struct {
		stop     bool
		promises int
		missing  string
	}{"goes on": {false, 1, "[]"}, "stops": {true, 0, "[{clip stopped}]"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var l ledger
				s := newStudio(time.Hour)
				p := newQueue(Options{Publisher: &l, Evidence: s}, 1, slog.New(slog.DiscardHandler))
				done := make(chan error, 1)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				go func() { done <- p.Run(ctx) }()
				for _, phase := range []alerts.Phase{alerts.PhaseStart, alerts.PhaseEnd} {
					p.Enqueue(Message{
						Alert: alerts.Alert{Camera: "gate", ID: "1", Phase: phase},
						Media: NewMediaBuffer(time.Minute, 1), QueuedAt: time.Now(),
					})
					synctest.Wait()
				}
				began := time.Now()
				if c.stop {
					cancel()
				}
				time.Sleep(holdTime + time.Second)
				synctest.Wait()
				end := l.alerts[len(l.alerts)-1]
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
				if last := l.alerts[len(l.alerts)-1]; last.Phase != alerts.PhaseEnd {
					t.Errorf("after the end came a %s", last.Phase)
				}
			})
		})
	}
}

// What the publisher refuses nobody else hears of.
func TestOnlyWhatIsStoredIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := ledger{refuse: true}
		s := newStudio(0)
		heard := 0
		cam := camera(t, "gate", film{greys: scene(60, 40, 60), err: io.EOF})
		cam.Media = NewMediaBuffer(time.Minute, 1<<20)
		_, err := Run(t.Context(), []Camera{cam},
			Options{Publisher: &l, Evidence: s, OnAlert: func(alerts.Alert) { heard++ }})
		if err == nil || heard != 0 {
			t.Errorf("heard of %d messages that nobody has; error %v", heard, err)
		}
		for _, g := range s.seen {
			if g.Alert.Phase != alerts.PhaseEnd {
				t.Errorf("the witness saw a %s that nobody has", g.Alert.Phase)
			}
		}
	})
}

// Recordings that end by themselves, all at once, promise the clips that are still made.
func TestTheEndOfRecordingsPromisesTheirClips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l ledger
		var cameras []Camera
		for i := range 5 {
			cam := camera(t, fmt.Sprintf("gate%d", i), film{greys: scene(60, 40, 60), err: io.EOF})
			cam.Media = NewMediaBuffer(time.Minute, 1<<20)
			cameras = append(cameras, cam)
		}
		if _, err := Run(t.Context(), cameras, Options{Publisher: &l, Evidence: newStudio(-1)}); err != nil {
			t.Fatal(err)
		}
		promised := 0
		for _, a := range l.alerts {
			if a.Phase == alerts.PhaseEnd && len(a.EvidencePending) == 1 {
				promised++
			}
		}
		if promised != len(cameras) {
			t.Errorf("%d of %d ends promise their clip", promised, len(cameras))
		}
	})
}

// A camera has had one event after the other, faster than their clips are made, when the program is told to stop or
// the recording ends: none of their messages is lost, for the ends that stand behind each other do not wait one after
// the other.
func TestEndsBehindEachOtherAreSaidAtTheStop(t *testing.T) {
	for name, c := range map[string]struct {
		told bool
		hold time.Duration
	}{"told to": {true, holdAtStop}, "by itself": {false, holdTime}} {
		t.Run(name, func(t *testing.T) { endsBehindEachOther(t, c.told, c.hold) })
	}
}

func endsBehindEachOther(t *testing.T, told bool, hold time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		const events = 40
		l := &ledger{}
		p := newQueue(Options{Publisher: l, Evidence: newStudio(-1)}, 1, slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		for range events {
			a := alerts.Alert{ID: alerts.NewID(), Camera: "yard", Phase: alerts.PhaseStart}
			p.Enqueue(Message{Alert: a, Media: NewMediaBuffer(time.Minute, 1<<20)})
			a.Phase = alerts.PhaseEnd
			p.Enqueue(Message{Alert: a, Media: NewMediaBuffer(time.Minute, 1<<20)})
		}
		time.Sleep(time.Second)
		if told {
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
		for _, a := range l.alerts {
			if a.Seq != next[a.ID] {
				t.Errorf("message %d of an event came where %d was due", a.Seq, next[a.ID])
			}
			next[a.ID]++
		}
		if n := len(l.alerts); len(next) != events || l.alerts[n-1].Phase != alerts.PhaseEnd {
			t.Errorf("%d messages of %d events, want those of %d", n, len(next), events)
		}
	})
}

// A stop without a Publisher, while events start and end: what there is of events belongs to the scorer's goroutine
// alone. The race detector is the judge.
func TestStopWithoutAPublisher(t *testing.T) {
	for range 20 {
		var said []alerts.Alert
		p := newQueue(Options{OnAlert: func(a alerts.Alert) { said = append(said, a) }}, 1,
			slog.New(slog.DiscardHandler))
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
					p.Enqueue(Message{Alert: alerts.Alert{Camera: "gate", ID: strconv.Itoa(i), Phase: phase}})
				}
			}
		})
		stop()
		scoring.Wait()
		p.Close()
		publishing.Wait()
		if len(said) != 300 || said[299].Seq != 2 {
			t.Fatalf("%d messages were told, want 300", len(said))
		}
	}
}
