// Package threadtest provides evidence and a store of alerts for tests of users of package thread.
package threadtest

import (
	"context"
	"strings"
	"sync"
	"time"

	"vigil/alerts"
	"vigil/alerts/thread"
	"vigil/video"
)

// Evidence is a thread.EvidenceMaker with a picture of each start, and a clip some time after each end.
type Evidence struct {
	after time.Duration // until the clip is ready; negative for never
	found chan thread.Result

	mu   sync.Mutex
	Seen []thread.Request
}

// NewEvidence returns one whose clips are ready after a delay; negative for never.
func NewEvidence(after time.Duration) *Evidence {
	return &Evidence{after: after, found: make(chan thread.Result, 100)} // Submit must not block: two per event
}

// Results returns the channel of results.
func (s *Evidence) Results() <-chan thread.Result { return s.found }

// Submit records a request; true for an end.
func (s *Evidence) Submit(g thread.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Seen = append(s.Seen, g)
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

// Store stores what is published. The zero value is empty.
type Store struct {
	mu     sync.Mutex
	alerts []alerts.Alert
}

// Alerts returns the messages so far.
func (s *Store) Alerts() []alerts.Alert {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.alerts
}

// Publish stores a message.
func (s *Store) Publish(_ context.Context, a alerts.Alert) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alerts = append(s.alerts, a)
	return nil
}

// PublishScore drops a score.
func (*Store) PublishScore(alerts.Score) error { return nil }

// PublishStatus drops a state.
func (*Store) PublishStatus(alerts.Status) error { return nil }

// NoMedia is the media of a camera without pictures.
type NoMedia struct{}

// Previews returns none.
func (NoMedia) Previews(_, _ uint64) []video.Preview { return nil }

// Still returns none.
func (NoMedia) Still(context.Context, uint64) ([]byte, bool, error) { return nil, false, nil }

// ModelInput returns none.
func (NoMedia) ModelInput(_, _ uint64) []video.ModelPicture { return nil }
