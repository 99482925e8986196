package app

import (
	"context"
	"slices"

	"vigil/alerts"
	"vigil/alerts/archive"
	"vigil/alerts/broker"
	"vigil/api"
	"vigil/pipeline"
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
	all := m.stats()
	i := slices.IndexFunc(all, func(c pipeline.Stats) bool { return c.Camera == s.Camera })
	if i < 0 {
		return nil
	}
	for _, scale := range all[i].Scales {
		if scale.Measure == "" || string(scale.Measure) == s.Cause {
			return &scale.Theta
		}
	}
	return nil
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
