package app

import (
	"context"
	"errors"
	"time"

	"vigil/alerts"
	"vigil/alerts/archive"
	"vigil/alerts/broker"
	"vigil/api"
	"vigil/api/access"
	"vigil/internal/errcode"
	"vigil/internal/health"
)

// apiSystem is what the API serves: a running system with its stored alerts and its health. It implements api.System.
type apiSystem struct {
	*system
	health    *health.Health
	alerts    *archive.Archive
	index     *archive.Index // of alerts
	snapshots *snapshots
}

// OpenAddress implements api.System.
func (s *apiSystem) OpenAddress(context.Context) (api.OneTimeAddress, error) {
	at, err := s.access.oneTimeURL()
	return api.OneTimeAddress{URL: at, Until: time.Now().Add(access.OneTimeValid).UTC()}, err
}

// Alerts implements api.Alerts.
func (s *apiSystem) Alerts(ctx context.Context, q api.AlertQuery) ([]api.StoredAlert, error) {
	found, err := s.index.Page(ctx, archive.PageOptions{
		Camera: q.Camera, Sees: q.Sees, From: q.From, To: q.To, Since: q.Since, Before: archive.Place(q.Before),
		Limit: q.Limit,
	})
	if errors.Is(err, broker.ErrNoStream) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []api.StoredAlert
	for _, e := range found {
		data, err := e.Data()
		if err != nil {
			return nil, err
		}
		all = append(all, api.StoredAlert{Alert: api.AlertData(data), Ack: e.Ack, Decoded: e.Alert})
	}
	return all, nil
}

// Alert implements api.Alerts.
func (s *apiSystem) Alert(ctx context.Context, id string) (api.StoredAlert, error) {
	r, err := s.alerts.Show(ctx, id, "")
	if err != nil {
		return api.StoredAlert{}, err
	}
	a := api.StoredAlert{
		Alert: api.AlertData(r.Alert), Ack: r.Ack, Decoded: r.Last, Evidence: []api.EvidenceFile{},
		Unreadable: r.Unreadable,
	}
	for _, m := range r.Messages {
		a.Messages = append(a.Messages, api.CloudEvent(m))
	}
	for _, o := range r.Evidence {
		a.Evidence = append(a.Evidence, api.EvidenceFile{
			MediaType: o.MediaType, Bytes: o.Bytes, SHA256: o.SHA256, Bucket: o.Bucket, Name: o.Name,
		})
	}
	return a, nil
}

// Acknowledge implements api.Alerts.
func (s *apiSystem) Acknowledge(ctx context.Context, id, by string, normal bool) (alerts.Ack, error) {
	r, err := s.alerts.Show(ctx, id, "")
	if err != nil {
		return alerts.Ack{}, err
	}
	return s.alerts.Acknowledge(ctx, r, by, normal)
}

// Evidence implements api.Alerts.
func (s *apiSystem) Evidence(ctx context.Context, _ string, e api.EvidenceFile) ([]byte, error) {
	return s.alerts.Evidence(ctx, e.Bucket, e.Name)
}

// Health implements api.Reporter.
func (s *apiSystem) Health(context.Context) api.Health {
	alive, ready := s.health.Alive(), s.health.Ready()
	h := api.Health{Alive: alive.OK, Ready: ready.Ready, Checks: []api.HealthCheck{}}
	for _, c := range alive.Checks {
		h.Checks = append(h.Checks, api.HealthCheck(c))
	}
	for _, item := range ready.Reasons {
		h.Reasons = append(h.Reasons, api.HealthItem(item))
	}
	for _, item := range ready.Info {
		h.Info = append(h.Info, api.HealthItem(item))
	}
	return h
}

// Config implements api.Reporter.
func (s *apiSystem) Config(context.Context) (c api.ConfigInForce, err error) {
	if s.file != "" {
		c.State = s.configState()
	}
	s.mu.Lock()
	cfg := s.inForce.cfg
	s.mu.Unlock()
	text, err := cfg.YAML()
	c.YAML = string(text)
	return c, err
}

// CheckConfig implements api.Reporter. It builds what a reload would, and uses none of it.
func (s *apiSystem) CheckConfig(ctx context.Context) (c api.ConfigCheck, err error) {
	c.NeedRestart = []string{}
	if s.load == nil {
		c.Valid = true
		return c, nil
	}
	if err := s.lockChanges(ctx); err != nil {
		return c, err
	}
	defer s.unlockChanges()
	cfg, named, err := s.load()
	var next *plan
	if err == nil {
		next, err = s.plan(ctx, cfg, named)
	}
	switch {
	case ctx.Err() != nil:
		return c, ctx.Err()
	case err != nil:
		if named == nil { // else the numbers of the cameras are not those of the file
			err = withLines(err, s.file, cfg)
		}
		err = errcode.ConfigReload.Default(err)
		c.Changed, c.Error, c.Code = true, err.Error(), string(errcode.Of(err))
		return c, nil
	}
	c.Valid, c.Changed = true, next != nil
	if keys := restartKeys(s.start, cfg); len(keys) > 0 {
		c.NeedRestart = keys
	}
	return c, nil
}
