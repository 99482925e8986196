//go:build cgo && gocv_videoio

package pipeline

import (
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vigil/alerts"
	"vigil/alerts/thread"
	"vigil/pipeline/detect"
)

// photographer is an EvidenceMaker with a picture of each message a tenth of a second later.
type photographer struct {
	found chan thread.Result
	mu    sync.Mutex
	n     int
}

func (w *photographer) Results() <-chan thread.Result { return w.found }

func (w *photographer) Submit(g thread.Request) bool {
	w.mu.Lock()
	w.n++
	item := alerts.Evidence{Kind: alerts.EvidenceSnapshot, Name: fmt.Sprint(w.n)}
	w.mu.Unlock()
	time.AfterFunc(100*time.Millisecond, func() {
		w.found <- thread.Result{
			Camera: g.Alert.Camera, AlertID: g.Alert.ID, Items: []alerts.Evidence{item},
			Last: g.Alert.Phase == alerts.PhaseEnd,
		}
	})
	return true
}

// An event whose peak rises every second for 18 seconds, each time with a new picture, is reported a few times, each
// time with both; its start and its end are reported at once, and the end has the last picture.
func TestRisingPeaksAndTheirPicturesAreFewUpdates(t *testing.T) {
	for _, c := range []struct {
		every         time.Duration
		most, atLeast int
	}{{5 * time.Second, 4, 3}, {0, 40, 18}} {
		synctest.Test(t, func(t *testing.T) {
			var l ledger
			w := &photographer{found: make(chan thread.Result, 100)}
			p := newQueue(Options{Publisher: &l, Evidence: w}, 1, slog.New(slog.DiscardHandler))
			done := make(chan error, 1)
			go func() { done <- p.Run(t.Context()) }()
			footage := NewMediaBuffer(time.Minute, 1)
			said := func() []alerts.Alert {
				synctest.Wait()
				l.mu.Lock()
				defer l.mu.Unlock()
				return l.alerts
			}
			say := func(phase alerts.Phase, peak float64) {
				p.Enqueue(Message{
					Alert: alerts.Alert{
						Camera: "gate", ID: "1", Phase: phase,
						Measurement: &alerts.Measurement{PeakError: peak},
					},
					Media: footage, UpdateEvery: c.every, QueuedAt: time.Now(),
				})
			}
			say(alerts.PhaseStart, 1)
			if n := len(said()); n != 1 {
				t.Errorf("%d messages at the start", n)
			}
			time.Sleep(200 * time.Millisecond)
			if all := said(); len(all) != 2 || len(all[1].Evidence) != 1 {
				t.Errorf("the first picture waits: %d messages", len(all))
			}
			for i := range 18 {
				time.Sleep(time.Second)
				say(alerts.PhaseUpdate, float64(2+i))
			}
			say(alerts.PhaseEnd, 19)
			time.Sleep(200 * time.Millisecond)
			all := said()
			updates := len(all) - 2
			if updates < c.atLeast || updates > c.most {
				t.Errorf("every %v: %d updates, want %d to %d", c.every, updates, c.atLeast, c.most)
			}
			for i, a := range all {
				if a.Seq != i || a.Phase == alerts.PhaseUpdate && len(a.Evidence) != 1 {
					t.Errorf("message %d is the %s %d with %d pictures", i, a.Phase, a.Seq, len(a.Evidence))
				}
			}
			end := all[len(all)-1]
			if end.Phase != alerts.PhaseEnd || end.PeakError != 19 || len(end.Evidence) != 1 ||
				end.Evidence[0].Name != fmt.Sprint(w.n) {
				t.Errorf("the last message is the %s of a peak of %v with %v", end.Phase, end.Measurement, end.Evidence)
			}
			time.Sleep(time.Hour) // what was to be said is not said behind the end
			p.Close()
			if err := <-done; err != nil {
				t.Error(err)
			}
			if n := len(said()); n != len(all) {
				t.Errorf("%d messages came behind the end", n-len(all))
			}
		})
	}
}

// Rises are counted in stream time, so that a replay says the same each time. Those in between are to be looked at all
// the same: when they are reported, or the event has ended, there may be no pictures of them any more.
func TestRisesAreReportedAtMostOnceInAWhile(t *testing.T) {
	for every, want := range map[time.Duration]string{
		0: "start 1s 2s 3s 4s 5s 6s 7s 8s 9s", 4 * time.Second: "start 1s (2s) (3s) (4s) 5s (6s) (7s) (8s) 9s",
	} {
		cfg := detect.Config{Enter: 0.5, Leave: 0.6, CloseAfter: time.Second, UpdateEvery: every}
		d := detect.NewDetector(cfg, 0)
		got := ""
		for i := range 10 {
			at := time.Duration(i) * time.Second
			e := 1.0
			for range min(i, 9) {
				e *= 1.5
			}
			m := detect.Moment{Frame: uint64(i), PTS: at}
			switch change,
				ep := d.Push(detect.Clip{First: m, Centre: m, Last: m, From: m, Seen: m, Error: e, Regularity: 0}); change {
			case detect.Started:
				got += "start"
			case detect.PeakRaised, detect.PeakRising:
				said := at.String()
				if change == detect.PeakRising {
					said = "(" + said + ")"
				}
				got += " " + said
				if ep.Peak.Error != e {
					t.Errorf("the peak at %v is %v, want %v", at, ep.Peak.Error, e)
				}
			}
		}
		if got != want {
			t.Errorf("every %v: %s, want %s", every, got, want)
		}
	}
}
