//go:build linux && cgo && gocv_videoio

package app

import (
	"testing"

	"vigil/alerts"
	"vigil/api"
	"vigil/pipeline"
)

// A paused camera stays paused over changed configurations, also while none names it, and is resumed with the latest.
func TestReloadWhilePaused(t *testing.T) {
	r := startReloading(t, 2)
	status := func(name string) (one api.Camera) {
		for _, c := range r.Status(t.Context()).Cameras {
			if c.Name == name {
				one = c
			}
		}
		return one
	}
	switchTo := func(action alerts.SwitchAction) {
		t.Helper()
		// Not by Switch, which pauses no recordings.
		if err := r.switches.change(t.Context(), "c0", alerts.SwitchChange{Action: action}, "cli"); err != nil {
			t.Fatal(err)
		}
	}
	r.until("frames", func() bool { return r.stats()["c0"].Frames > 0 })
	switchTo(alerts.ActionPause)
	paused := func(when string) {
		t.Helper()
		if _, open := r.stats()["c0"]; open {
			t.Errorf("%s the camera is open", when)
		}
		r.until("the state "+when, func() bool {
			c := status("c0")
			return c.State == alerts.StatePaused && c.Switches.Paused
		})
	}
	paused("after the pause")
	for what, more := range map[string]map[string]string{
		"with other zones":     {"c0": ", zones: [{name: door, polygon: [[0, 0], [1, 0], [1, 1]]}]"},
		"with another timeout": {"c0": ", read_timeout: 7s"},
	} {
		r.write("vigil.yaml", r.yaml(2, more))
		if now := r.reload(); now.Err != nil {
			t.Fatal(now.Err)
		}
		paused(what)
	}
	r.write("vigil.yaml", r.yaml(0, nil)+"  - {name: c1, source: "+r.video+
		", fps: 0, hop: 8, threshold: {lo: 0.1, theta: 0.5}}\n")
	if now := r.reload(); now.Err != nil {
		t.Fatal(now.Err)
	}
	if c := status("c0"); c.Configured || !c.Switches.Paused {
		t.Errorf("while it is not configured it is %+v", c)
	}
	r.write("vigil.yaml", r.yaml(2, map[string]string{
		"c0": ", zones: [{name: gate, polygon: [[0, 0], [1, 0], [1, 1]]}]",
	}))
	if now := r.reload(); now.Err != nil {
		t.Fatal(now.Err)
	}
	paused("when it is configured again")
	switchTo(alerts.ActionResume)
	var s pipeline.Stats
	r.until("frames of the resumed camera", func() bool { s = r.stats()["c0"]; return s.Frames > 0 })
	if c := r.find("c0"); len(c.camera.Zones) != 1 || c.camera.Zones[0].Name != "gate" {
		t.Errorf("it has the zones %+v", c.camera.Zones)
	}
	switchTo(alerts.ActionResume) // changes nothing
	if again := r.stats()["c0"]; again.Openings != s.Openings {
		t.Errorf("it was opened %d times, then %d times", s.Openings, again.Openings)
	}
}
