package app

import (
	"context"
	"sync"
	"time"

	"vigil/alerts"
	"vigil/alerts/archive"
	"vigil/alerts/broker"
	"vigil/api"
	"vigil/pipeline"
	"vigil/pipeline/detect"
)

// streamScore passes a score on to the streams of the API. While there are none it costs nothing.
func (m *monitor) streamScore(s alerts.Score) {
	if !m.live.WantsScores() {
		return
	}
	m.live.PublishScore(api.ScoreEvent{
		Camera: s.Camera, Time: s.Wall.UTC(), Frame: s.Frame, Error: s.Error, Regularity: s.Regularity, Cause: s.Cause,
		Threshold: m.threshold(s), Motion: s.Motion, Appearance: s.Appearance,
	})
}

// threshold returns the error at which the measure of a score has the regularity 0.5; nil for a score without one.
func (m *monitor) threshold(s alerts.Score) *float64 {
	if s.Regularity == nil {
		return nil
	}
	for _, scale := range m.scales.of(s.Camera, m.stats) {
		if scale.Measure == "" || string(scale.Measure) == s.Cause {
			return &scale.Theta
		}
	}
	return nil
}

// scalesEvery is how long the scales of cameras serve the scores of a stream: reading them counts all of them.
const scalesEvery = time.Second

// scales are the scales of all cameras, as of a moment.
type scales struct {
	mu  sync.Mutex
	at  time.Time
	all map[string][]detect.Scale
}

func (s *scales) of(camera string, read func() []pipeline.Stats) []detect.Scale {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.Sub(s.at) >= scalesEvery {
		s.at, s.all = now, map[string][]detect.Scale{}
		for _, c := range read() {
			s.all[c.Camera] = c.Scales
		}
	}
	return s.all[camera]
}

// stateEvent is a status as a stream has it.
func stateEvent(s alerts.Status) api.StateEvent {
	e := api.StateEvent{Camera: s.Camera, State: s.State, Detail: s.Detail, Code: s.Code}
	if !s.Wall.IsZero() {
		since := s.Wall.UTC()
		e.Since = &since
	}
	return e
}

// Hub implements api.Live.
func (s *apiSystem) Hub() *api.Hub { return s.monitor.live }

// States implements api.Live.
func (s *apiSystem) States(context.Context) []api.StateEvent {
	var all []api.StateEvent
	for _, c := range s.all() {
		if c.State != "" {
			all = append(all, api.StateEvent{
				Camera: c.Name, State: c.State, Since: c.Since, Detail: c.Detail, Code: c.Code,
			})
		}
	}
	return all
}

// AlertPosition implements api.Live.
func (s *apiSystem) AlertPosition(ctx context.Context) (api.AlertPosition, error) {
	at, err := s.alerts.Position(ctx)
	return positionOf(at), err
}

// FollowAlerts implements api.Live.
func (s *apiSystem) FollowAlerts(ctx context.Context, after api.AlertPosition,
	each func(api.AlertMessage) error,
) error {
	from := broker.Position{Created: after.Store, Seq: after.Seq}
	return s.alerts.Follow(ctx, archive.FollowOptions{After: &from}, func(m archive.Message) error {
		data, err := m.Data()
		if err != nil {
			return err
		}
		return each(api.AlertMessage{
			Camera: m.Alert.Camera, Data: api.AlertData(data), Position: positionOf(m.Position),
		})
	})
}

func positionOf(p broker.Position) api.AlertPosition {
	return api.AlertPosition{Store: p.Created, Seq: p.Seq}
}
