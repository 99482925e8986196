package thread_test

import (
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vigil/alerts"
	"vigil/alerts/thread"
	"vigil/alerts/thread/threadtest"
)

// delayedPictures is an EvidenceMaker with a picture of each message a tenth of a second later.
type delayedPictures struct {
	found chan thread.Result
	mu    sync.Mutex
	n     int
}

func (w *delayedPictures) Results() <-chan thread.Result { return w.found }

func (w *delayedPictures) Submit(g thread.Request) bool {
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

// An event whose peak rises every second for 18 seconds, each time with a new picture, has few updates, each with both;
// its start and its end are published at once, and the end has the last picture.
func TestUpdateInterval(t *testing.T) {
	for _, c := range []struct {
		every         time.Duration
		most, atLeast int
	}{{5 * time.Second, 4, 3}, {0, 40, 18}} {
		synctest.Test(t, func(t *testing.T) {
			var l threadtest.Store
			w := &delayedPictures{found: make(chan thread.Result, 100)}
			p := thread.NewQueue(thread.Options{
				Publisher: &l, Evidence: w,
				Log: slog.New(slog.DiscardHandler),
			})
			done := make(chan error, 1)
			go func() { done <- p.Run(t.Context()) }()
			footage := threadtest.NoMedia{}
			published := func() []alerts.Alert {
				synctest.Wait()
				return l.Alerts()
			}
			enqueue := func(phase alerts.Phase, peak float64) {
				p.Enqueue(thread.Message{
					Alert: alerts.Alert{
						Camera: "gate", ID: "1", Phase: phase,
						Measurement: &alerts.Measurement{PeakError: peak},
					},
					Media: footage, UpdateEvery: c.every, QueuedAt: time.Now(),
				})
			}
			enqueue(alerts.PhaseStart, 1)
			if n := len(published()); n != 1 {
				t.Errorf("%d messages at the start", n)
			}
			time.Sleep(200 * time.Millisecond)
			if all := published(); len(all) != 2 || len(all[1].Evidence) != 1 {
				t.Errorf("the first picture waits: %d messages", len(all))
			}
			for i := range 18 {
				time.Sleep(time.Second)
				enqueue(alerts.PhaseUpdate, float64(2+i))
			}
			enqueue(alerts.PhaseEnd, 19)
			time.Sleep(200 * time.Millisecond)
			all := published()
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
			time.Sleep(time.Hour) // no update follows the end
			p.Close()
			if err := <-done; err != nil {
				t.Error(err)
			}
			if n := len(published()); n != len(all) {
				t.Errorf("%d messages came behind the end", n-len(all))
			}
		})
	}
}
