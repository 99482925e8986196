package offline

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vigil/app"
	"vigil/eval"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const story = "# one, two\nopen_after 1\ntheta 2\n0 3\n1 3\n2 0\n3 0\n5 0\n"

// TestDetectSettingsWin expects flags to win over a configuration, and that over a timeline's own settings.
func TestDetectSettingsWin(t *testing.T) {
	cfg := write(t, "vigil.yaml", "model: m\ncameras:\n- name: gate\n  source: rtsp://10.0.0.7/x\n  model: m\n"+
		"  threshold: {lo: 0, theta: 2.5}\n  detector: {open_after: 0s, enter: 0.4, leave: 0.9}\n")
	for name, c := range map[string]struct {
		o      DetectOptions
		events int
		raised float64
		theta  float64
	}{
		"the timeline's":       {DetectOptions{}, 1, 1, 2},
		"flags":                {DetectOptions{OpenAfter: new(2 * time.Second)}, 0, 0, 2},
		"a threshold":          {DetectOptions{Lo: new(0.0), Theta: new(4.0)}, 0, 0, 4},
		"a camera's":           {DetectOptions{ConfigFile: cfg, Camera: "gate"}, 0, 0, 2.5},
		"a flag of a camera's": {DetectOptions{ConfigFile: cfg, Camera: "gate", Enter: new(0.5)}, 1, 0, 2.5},
	} {
		got, err := Detect("-", strings.NewReader(story), c.o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(got.Events) != c.events || c.events > 0 && got.Events[0].RaisedSeconds != c.raised ||
			*got.Theta != c.theta {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestDetectRefuses(t *testing.T) {
	const csv = "video,frame,error,regularity\n01,0,1,0.2\n01,10,1,\n"
	for name, c := range map[string]struct {
		text  string
		o     DetectOptions
		usage bool
		want  string
	}{
		"lo alone":          {story, DetectOptions{Lo: new(1.0)}, true, "--lo and --theta: give both"},
		"lo above theta":    {story, DetectOptions{Lo: new(1.0), Theta: new(1.0)}, true, "lo must be below theta"},
		"no camera":         {story, DetectOptions{ConfigFile: "x"}, true, "--camera: which"},
		"no configuration":  {story, DetectOptions{Camera: "x"}, true, "-c: which configuration"},
		"no such file":      {story, DetectOptions{ConfigFile: "/none", Camera: "x"}, true, "/none"},
		"no calibration":    {story, DetectOptions{Calibration: "/none"}, false, "/none"},
		"a rate for times":  {story, DetectOptions{FPS: 5}, true, "--fps: a timeline has times"},
		"a negative rate":   {csv, DetectOptions{FPS: -5}, true, "--fps: is -5"},
		"no rate":           {csv, DetectOptions{}, true, "--fps: how many frames a second"},
		"leave below enter": {story, DetectOptions{Leave: new(0.1)}, true, "must be 0 < enter < leave"},
		"no regularity":     {csv, DetectOptions{FPS: 10}, false, "frame 10 of 01 has no regularity, so a threshold"},
		"not a timeline":    {"hello\n", DetectOptions{}, false, `standard input: line 1: "hello"`},
		"other events": {
			story + "events\n",
			DetectOptions{},
			false,
			"expects no event, and the detector gives 0 1 0 1",
		},
		"nothing": {"", DetectOptions{}, false, "has no score"},
	} {
		got, err := Detect("-", strings.NewReader(c.text), c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) || errors.As(err, new(app.UsageError)) != c.usage {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if (got != nil) != (name == "other events") {
			t.Errorf("%s: results %+v", name, got)
		}
	}
	if _, err := Detect(filepath.Join(t.TempDir(), "none"), nil, DetectOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// TestDetectCSV has the scores of two videos, one of them with a gap.
func TestDetectCSV(t *testing.T) {
	text := strings.Builder{}
	text.WriteString("video,frame,error,regularity\n")
	row := func(video, rest string) { text.WriteString(video + "," + rest + "\n") }
	for _, rest := range []string{"8,3,0.2", "10,4,0", "12,3,0.2", "14,0,1", "16,0,1", "18,0,1", "20,0,1"} {
		row("a.mkv", rest)
	}
	// Held for .2 s before the gap, and for .4 s after it.
	for _, rest := range []string{"8,3,0.2", "10,3,0.2", "40,3,0.2", "42,3,0.2", "44,5,0.1"} {
		row("b.mkv", rest)
	}
	path := write(t, "scores.csv", text.String())
	o := DetectOptions{FPS: 10, OpenAfter: new(400 * time.Millisecond), CloseAfter: new(600 * time.Millisecond)}
	got, err := Detect(path, nil, o)
	if err != nil {
		t.Fatal(err)
	}
	check := func(e eval.DetectedEvent, want string) {
		t.Helper()
		if got := e.String(); got != want {
			t.Errorf("%s: %s, want %s", e.Video, got, want)
		}
	}
	if len(got.Events) != 2 || got.Lo != nil {
		t.Fatalf("%+v", got)
	}
	check(got.Events[0], "0.8 1.9 1 1.2 4 0 calm")
	check(got.Events[1], "4 5.1 4.4 4.4 5 0.1 source_ended")
	if e := got.Events[1]; *e.StartFrame != 40 || *e.RaisedFrame != 51 || *e.PeakFrame != 44 || *e.EndFrame != 44 {
		t.Errorf("frames %d, %d, %d, %d", *e.StartFrame, *e.RaisedFrame, *e.PeakFrame, *e.EndFrame)
	}
	// With a threshold the errors decide: only one of b's is above it.
	o.Lo, o.Theta = new(0.0), new(3.5)
	if got, err = Detect(path, nil, o); err != nil || len(got.Events) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	out := filepath.Join(t.TempDir(), "out.csv")
	o.OpenAfter = new(time.Duration(0))
	if got, err = Detect(path, nil, o); err != nil {
		t.Fatal(err)
	}
	if err := got.Write(out); err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile(out)
	const want = "video,start_frame,raised_frame,peak_frame,end_frame,start_seconds,raised_seconds,peak_seconds," +
		"end_seconds,peak_error,peak_regularity,end_reason\n" +
		"a,10,17,10,12,1.000,1.700,1.000,1.200,4,0.428571429,calm\n" +
		"b,44,51,44,44,4.400,5.100,4.400,4.400,5,0.285714286,source_ended\n"
	if err != nil || string(table) != want {
		t.Errorf("%v\n%s, want\n%s", err, table, want)
	}
	var printed strings.Builder
	if err := got.Print(&printed); err != nil || !strings.Contains(printed.String(), "2 events in 2 videos\n") {
		t.Errorf("%v\n%s", err, &printed)
	}
}
