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

func kinds(items []alerts.Evidence) string {
	var all []string
	for _, e := range items {
		all = append(all, string(e.Kind))
	}
	return strings.Join(all, "+")
}

// TestEvidenceGoesIntoTheMessages checks that the first picture of an event comes as an update; its end waits for the
// clip, up to a limit.
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
				s := threadtest.NewEvidence(c.after)
				cam := camera(t, "gate", film{greys: scene(60, 40, 60), err: io.EOF})
				cam.Media = NewMediaBuffer(time.Minute, 1<<20)
				began := time.Now()
				if _, err := Run(t.Context(), []Camera{cam}, Options{Publisher: &l, Evidence: s}); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took > thread.DrainTime {
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
				if side := s.Seen[0].Side; len(s.Seen[0].Heat) != side*side ||
					s.Seen[0].Alert.Phase != alerts.PhaseStart {
					t.Errorf("the witness saw a %s with %d of %dx%d errors", s.Seen[0].Alert.Phase, len(s.Seen[0].Heat),
						side, side)
				}
				time.Sleep(2 * time.Hour) // too late for its event
			})
		})
	}
}

// TestOnlyWhatIsStoredIsTold checks that OnAlert is not called for messages that the publisher refuses.
func TestOnlyWhatIsStoredIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := ledger{refuse: true}
		s := threadtest.NewEvidence(0)
		heard := 0
		cam := camera(t, "gate", film{greys: scene(60, 40, 60), err: io.EOF})
		cam.Media = NewMediaBuffer(time.Minute, 1<<20)
		_, err := Run(t.Context(), []Camera{cam},
			Options{Publisher: &l, Evidence: s, OnAlert: func(alerts.Alert) { heard++ }})
		if err == nil || heard != 0 {
			t.Errorf("heard of %d messages that nobody has; error %v", heard, err)
		}
		for _, g := range s.Seen {
			if g.Alert.Phase != alerts.PhaseEnd {
				t.Errorf("the witness saw a %s that nobody has", g.Alert.Phase)
			}
		}
	})
}

// TestTheEndOfRecordingsPromisesTheirClips checks that recordings that end at the same time announce the clips that are
// still being made.
func TestTheEndOfRecordingsPromisesTheirClips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l ledger
		var cameras []Camera
		for i := range 5 {
			cam := camera(t, fmt.Sprintf("gate%d", i), film{greys: scene(60, 40, 60), err: io.EOF})
			cam.Media = NewMediaBuffer(time.Minute, 1<<20)
			cameras = append(cameras, cam)
		}
		if _, err := Run(t.Context(), cameras,
			Options{Publisher: &l, Evidence: threadtest.NewEvidence(-1)}); err != nil {
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
