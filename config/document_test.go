package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// A camera of its own document is that of the same text in a file, with the file's defaults.
func TestCameraDocument(t *testing.T) {
	const defaults = `model: m.safetensors
defaults:
  hop: 4
  fps: 5
  threshold: {lo: 0.1, theta: 0.2}
  follow: [a.example, b.example]
  mask: [[[0, 0], [1, 0], [1, 1]]]
  detector: {enter: 0.4}
`
	for _, own := range []string{
		`{source: "rtsp://10.0.0.1/x"}`,
		`{source: film.mkv, hop: 8, realtime: false}`,
		`{source: "rtsp://u:p@10.0.0.1/x", fps: 0, threshold: {theta: 0.4}, follow: [c.example]}`,
		`{source: /dev/video0, calibration: c.json, detector: {leave: 0.7, open_after: 2s}, mask: []}`,
		`{source: "http://x/", zones: [{name: door, polygon: [[0, 0], [1, 0], [1, 1]]}], armed: [{from: "22:00", to: "06:00"}]}`,
		`{"source": "device:0", "time_zone": "Europe/Berlin", "reconnect": {"min": "2s"}, "alarms": "2/week"}`,
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "vigil.yaml")
		text := defaults + "cameras:\n  - {name: gate, " + strings.TrimPrefix(own, "{") + "\n"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		want, err := Load(path)
		if err != nil {
			t.Fatalf("%s: %v", own, err)
		}
		d, err := ParseCamera("gate", []byte(own))
		if err != nil {
			t.Fatalf("%s: %v", own, err)
		}
		before := fmt.Sprintf("%+v %+v", want.Defaults, *want.Defaults.Threshold)
		got, err := want.Camera(d, dir)
		if err != nil || !reflect.DeepEqual(got, want.Cameras[0]) {
			t.Errorf("%s is\n%+v, not\n%+v (%v)", own, got, want.Cameras[0], err)
		}
		// What is stored means the same, and the defaults are as before.
		stored, err := d.JSON()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseCamera("gate", stored)
		again.Source = d.Source
		if err != nil || !again.Same(d) {
			t.Errorf("%s is stored as %s: %v", own, stored, err)
		}
		if after := fmt.Sprintf("%+v %+v", want.Defaults, *want.Defaults.Threshold); after != before {
			t.Errorf("%s changes the defaults from\n%s to\n%s", own, before, after)
		}
		if shown := fmt.Sprintf("%v %+v %#v %s", d, d, d, stored); strings.Contains(shown, "10.0.0.1") {
			t.Errorf("the source is shown: %s", shown)
		}
	}
}

func TestCameraDocumentProblems(t *testing.T) {
	t.Setenv("SECRET", "XYZZY")
	for own, want := range map[string]string{
		`{source: "rtsp://x/", hopp: 3}`:    "camera gate: hopp: unknown key; did you mean hop?",
		`{source: "rtsp://x/", hop: 0}`:     "camera gate: hop: is 0, must be at least 1",
		`{source: "rtsp://x/", hop: "3"}`:   `camera gate: hop: is "3", must be a whole number`,
		`{hop: 3}`:                          "camera gate: source: is missing",
		`{source: 3}`:                       "camera gate: source: must be text",
		`{source: "ftp://user:XYZZY@x/"}`:   "camera gate: source: ",
		`{name: yard, source: "rtsp://x/"}`: "camera gate: name: is not gate",
		`[1]`:                               "camera gate: is not a map",
		`{`:                                 "camera gate: ",
		``:                                  "camera gate: is empty",
		`{source: "rtsp://x/", detector: {enter: 0.9}}`:                                  "camera gate: detector.leave: is 0.6, must be above",
		`{source: "rtsp://x/", zones: [{name: "${SECRET}", polygon: [[0, 0], [1, 0]]}]}`: "camera gate: zones[0].polygon: ",
		`{source: "rtsp://x/", mask: [[[0, 0], [1, 0], [1, 1]]], hop: 3, hop: 4}`:        "camera gate: hop: is given twice",
		`{source: "rtsp://x/", calibration: a.json, threshold: {lo: 0, theta: 1}}`:       "camera gate: threshold: is given beside",
	} {
		d, err := ParseCamera("gate", []byte(own))
		if err == nil {
			_, err = Default().Camera(d, t.TempDir())
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "XYZZY") {
			t.Errorf("%s: %v, want %q", own, err, want)
		}
	}
	d, err := ParseCamera("gate", []byte(`{source: "rtsp://x/", zones: [{name: "${SECRET}", polygon: [[0,0],[1,0],[1,1]]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if c, err := Default().Camera(d, t.TempDir()); err != nil || c.Zones[0].Name != "${SECRET}" {
		t.Errorf("a variable of the environment is %+v, %v", c.Zones, err)
	}
	if _, err := Default().Camera(CameraDocument{Name: "No Name", Source: d.Source}, ""); err == nil {
		t.Error("a name with a blank is taken")
	}
}

// The characters beyond the first plane are written by programs as pairs of escapes, which YAML does not have.
func TestCameraDocumentOfJSON(t *testing.T) {
	for text, want := range map[string]string{
		`{"source":"rtsp://u:\ud83d\ude00@h/"}`:      "rtsp://u:\U0001f600@h/",
		`{"source":"rtsp://u:\\ud83d\u00e9@h/"}`:     `rtsp://u:\ud83d` + "\u00e9@h/",
		`{"source":"rtsp://u:\"\ud83d\ude00\""}`:     "rtsp://u:\"\U0001f600\"",
		`{source: "rtsp://u:\U0001f600@h/", hop: 4}`: "rtsp://u:\U0001f600@h/",
	} {
		if d, err := ParseCamera("gate", []byte(text)); err != nil || d.Source.Reveal() != want {
			t.Errorf("%s: %q, %v", text, d.Source.Reveal(), err)
		}
	}
	if _, err := ParseCamera("gate", []byte(`{"source":"a\ud83d"}`)); err == nil {
		t.Error("half of a pair is accepted")
	}
}
