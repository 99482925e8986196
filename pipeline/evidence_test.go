//go:build cgo && gocv_videoio

package pipeline

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vigil/alerts"
	"vigil/alerts/thread"
	"vigil/alerts/thread/threadtest"
)

func evidenceKinds(items []alerts.Evidence) string {
	var all []string
	for _, e := range items {
		all = append(all, string(e.Kind))
	}
	return strings.Join(all, "+")
}

// TestMessagesCarryEvidence checks that the first picture of an event comes as an update; its end waits for the
// clip, up to a limit.
func TestMessagesCarryEvidence(t *testing.T) {
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
				var l recorder
				s := threadtest.NewEvidence(c.after)
				cam := camera(t, "gate", fakeStream{greys: scene(60, 40, 60), err: io.EOF})
				cam.Media = NewMediaBuffer(time.Minute, 1<<20)
				began := time.Now()
				if _, err := Run(t.Context(), []Camera{cam}, Options{Publisher: &l, Evidence: s}); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took > thread.DrainTime {
					t.Errorf("it took %v", took)
				}
				l.eventPhases(t)
				end := l.alerts[len(l.alerts)-1]
				if got := evidenceKinds(end.Evidence); end.Phase != alerts.PhaseEnd || got != c.want {
					t.Errorf("the %s has evidence %q, want %q", end.Phase, got, c.want)
				}
				i := slices.IndexFunc(l.alerts,
					func(a alerts.Alert) bool { return evidenceKinds(a.Evidence) == "snapshot" })
				if i < 1 || l.alerts[i].Phase != alerts.PhaseUpdate {
					t.Errorf("the picture came in message %d", i)
				}
				if side := s.Seen[0].Side; len(s.Seen[0].Heat) != side*side ||
					s.Seen[0].Alert.Phase != alerts.PhaseStart {
					t.Errorf("the EvidenceMaker received a %s with %d of %dx%d errors", s.Seen[0].Alert.Phase,
						len(s.Seen[0].Heat),
						side, side)
				}
				time.Sleep(2 * time.Hour) // too late for its event
			})
		})
	}
}

// TestOnAlertOnlyForStoredMessages checks that OnAlert is not called for messages that the publisher refuses.
func TestOnAlertOnlyForStoredMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := recorder{refuse: true}
		s := threadtest.NewEvidence(0)
		calls := 0
		cam := camera(t, "gate", fakeStream{greys: scene(60, 40, 60), err: io.EOF})
		cam.Media = NewMediaBuffer(time.Minute, 1<<20)
		_, err := Run(t.Context(), []Camera{cam},
			Options{Publisher: &l, Evidence: s, OnAlert: func(alerts.Alert) { calls++ }})
		if err == nil || calls != 0 {
			t.Errorf("OnAlert was called for %d messages that were not stored; error %v", calls, err)
		}
		for _, g := range s.Seen {
			if g.Alert.Phase != alerts.PhaseEnd {
				t.Errorf("the EvidenceMaker received a %s that was not stored", g.Alert.Phase)
			}
		}
	})
}

// TestEndListsPendingClip checks that recordings that end at the same time announce the clips that are
// still being made.
func TestEndListsPendingClip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l recorder
		var cameras []Camera
		for i := range 5 {
			cam := camera(t, fmt.Sprintf("gate%d", i), fakeStream{greys: scene(60, 40, 60), err: io.EOF})
			cam.Media = NewMediaBuffer(time.Minute, 1<<20)
			cameras = append(cameras, cam)
		}
		if _, err := Run(t.Context(), cameras,
			Options{Publisher: &l, Evidence: threadtest.NewEvidence(-1)}); err != nil {
			t.Fatal(err)
		}
		listed := 0
		for _, a := range l.alerts {
			if a.Phase == alerts.PhaseEnd && len(a.EvidencePending) == 1 {
				listed++
			}
		}
		if listed != len(cameras) {
			t.Errorf("%d of %d ends list their clip", listed, len(cameras))
		}
	})
}
