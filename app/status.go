package app

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"vigil/alerts"
	"vigil/api"
	"vigil/internal/errcode"
	"vigil/internal/version"
	"vigil/pipeline"
)

// storeTimeout bounds asking the server for the size of the store.
const storeTimeout = 2 * time.Second

// Status implements api.System.
func (s *system) Status(ctx context.Context) api.Status {
	now := time.Now()
	status := api.Status{
		Version: versionText(), Started: s.started.UTC(), UptimeSeconds: math.Round(now.Sub(s.started).Seconds()),
		Cameras: s.all(), Sinks: s.sinks.states(), Store: s.sinks.storeState(ctx),
	}
	if s.file != "" {
		status.Config = s.configState()
	}
	return status
}

// configState is the state of the configuration.
func (s *system) configState() *api.Config {
	r := s.Reloads()
	c := &api.Config{File: s.file, InForce: r.InForce.UTC(), NeedRestart: r.Restart}
	if c.NeedRestart == nil {
		c.NeedRestart = []string{}
	}
	if !r.At.IsZero() {
		at := r.At.UTC()
		c.LastReload = &at
	}
	if r.Err != nil {
		err := errcode.ConfigReload.Default(r.Err)
		c.Error, c.Code = err.Error(), string(errcode.Of(err))
	}
	return c
}

// versionText is the version and the commit of this program.
func versionText() string {
	v := version.Of()
	if v.Commit == "" {
		return v.Version
	}
	return v.Version + " " + v.Commit
}

// all returns the configured cameras in their order, and then those of which only switches are stored.
func (s *system) all() []api.Camera {
	all := []api.Camera{}
	stats := s.engine.Stats()
	configured := s.watched()
	for _, c := range configured {
		all = append(all, s.camera(c, stats))
	}
	all = append(all, s.failedMade()...)
	for _, set := range s.switches.all() {
		if !slices.ContainsFunc(all, func(c api.Camera) bool { return c.Name == set.Camera }) {
			all = append(all, api.Camera{Name: set.Camera, Switches: switchesOf(set)})
		}
	}
	return all
}

func (s *system) camera(c watched, stats []pipeline.Stats) api.Camera {
	out := api.Camera{
		Name: c.config.Name, Configured: true, Source: c.config.Source.String(),
		Switches: switchesOf(s.switches.get(c.config.Name)), Origin: api.OriginFile,
	}
	if m, exists := s.getMade(c.config.Name); exists && m.err == nil {
		out.Origin, out.Revision = api.OriginRuntime, m.entry.Revision
	}
	s.monitor.mu.Lock()
	defer s.monitor.mu.Unlock()
	o := s.monitor.of(c.config.Name)
	counts := o.last
	if i := slices.IndexFunc(stats, func(s pipeline.Stats) bool { return s.Camera == c.config.Name }); i >= 0 {
		counts = stats[i]
	}
	out.State, out.Detail, out.Code = o.status.State, o.status.Detail, o.status.Code
	if out.State == "" {
		out.State = alerts.StateConnecting
	}
	if !o.status.Wall.IsZero() {
		since := o.status.Wall.UTC()
		out.Since = &since
	}
	out.FramesPerSecond = math.Round(10*o.rate(time.Now(), counts.Frames)) / 10
	out.Frames, out.Missing, out.DecodeErrors = counts.Frames, counts.Missing, counts.DecodeErrors
	out.ClipsScored, out.ClipsSkipped = counts.Scored, counts.Skipped
	out.Events, out.AlertsHeld = counts.Events, counts.Held
	if o.score != nil && out.State.Watched() {
		measured := o.score.Error
		out.Error, out.Regularity = &measured, o.score.Regularity
	}
	if scales := c.camera.Threshold.Scales(); len(scales) > 0 {
		theta := scales[0].Theta
		out.Threshold = &theta
	}
	return out
}

// Camera implements api.System.
func (s *system) Camera(ctx context.Context, name string) (api.Camera, error) {
	all := s.all()
	i := slices.IndexFunc(all, func(c api.Camera) bool { return c.Name == name })
	if i < 0 {
		return api.Camera{}, fmt.Errorf("camera %q: %w", name, api.ErrNoCamera)
	}
	if m, exists := s.getMade(name); exists && all[i].Origin == api.OriginRuntime {
		all[i].Settings, all[i].Changes = m.shownSettings(), s.madeChanges(ctx, name)
	}
	for _, change := range s.switches.history(ctx, name) {
		all[i].Changes = append(all[i].Changes, api.Change{Change: change.Change, By: change.By, At: change.At})
	}
	slices.SortStableFunc(all[i].Changes, func(a, b api.Change) int { return a.At.Compare(b.At) })
	return all[i], nil
}

// Switch implements api.System.
func (s *system) Switch(ctx context.Context, name string, change alerts.SwitchChange, by string) (api.Camera,
	error,
) {
	recording := func(c watched) bool { return c.config.Name == name && !c.config.Source.Live() }
	if change.Action == alerts.ActionPause && slices.ContainsFunc(s.watched(), recording) {
		return api.Camera{}, api.Invalid{Err: fmt.Errorf(
			"camera %s is a recording, which would begin again: only live cameras can be paused", name)}
	}
	if err := s.switches.change(ctx, name, change, by); err != nil {
		return api.Camera{}, err
	}
	return s.Camera(ctx, name)
}

func switchesOf(s alerts.Switches) api.Switches {
	return api.Switches{
		Paused: s.Paused, PausedUntil: s.PausedUntil, SnoozedUntil: s.SnoozedUntil, DetectionOff: s.DetectionOff,
	}
}

// states are those of the sinks.
func (d *Sinks) states() []api.Sink {
	backlog, stats := d.Backlog(), d.Stats()
	all := []api.Sink{}
	add := func(name string, connected *bool, why error) {
		one := api.Sink{Name: name, Connected: connected, Behind: backlog[name]}
		if one.Behind == nil {
			one.Behind = []string{}
		}
		for _, s := range stats.Sinks {
			if s.Name == name {
				one.Waiting = s.Waiting
			}
		}
		if why != nil {
			one.Error = why.Error()
		}
		all = append(all, one)
	}
	if d.remote != nil {
		connected := d.remote.Connected()
		add("nats", &connected, nil)
	}
	if d.mqtt != nil {
		err := d.mqtt.Connected()
		connected := err == nil
		add("mqtt", &connected, err)
	}
	if d.hook {
		add("webhook", nil, nil)
	}
	return all
}

// storeState is the state of the store; it is empty while the server does not answer.
func (d *Sinks) storeState(ctx context.Context) api.Store {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	s := api.Store{Alerts: d.Messages()}
	if account, err := d.Conn().JetStream().AccountInfo(ctx); err == nil {
		s.Bytes = account.Store
	}
	return s
}
