//go:build linux && cgo && gocv_videoio

package app

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/config"
	"vigil/internal/alerttest"
	"vigil/internal/cameratest"
	"vigil/model"
	"vigil/pipeline"
	"vigil/pipeline/calibrate"
	"vigil/pipeline/detect"
)

// reloading is a running system whose configuration file is changed.
type reloading struct {
	*testing.T
	dir, video, weights string
	sources             map[string]string // of cameras that do not play the video
	*system
	hangup chan os.Signal
	log    alerttest.Log
	stop   context.CancelFunc
	ended  chan error
}

// path returns a path in the folder of the configuration.
func (r *reloading) path(name string) string { return filepath.Join(r.dir, name) }

// write replaces a file as a whole.
func (r *reloading) write(name, text string) { r.replace(r.path(name), text) }

func (r *reloading) replace(path, text string) {
	r.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		r.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		r.Fatal(err)
	}
}

// yaml is a configuration with so many cameras, c0 and so on, after each of which more is put.
func (r *reloading) yaml(cameras int, more map[string]string) string {
	text := fmt.Sprintf("model: %s\ndata_dir: data\nnats: {embedded: {port: 0}}\n"+
		"evidence: {enabled: false}\nthreads: 1\ncameras:\n", r.weights)
	for i := range cameras {
		name := fmt.Sprintf("c%d", i)
		threshold := ", threshold: {lo: 0.1, theta: 0.5}"
		if strings.Contains(more[name], "calibration") {
			threshold = ""
		}
		text += fmt.Sprintf("  - {name: %s, source: %s, fps: 0, hop: 8%s%s}\n", name, cmp.Or(r.sources[name], r.video),
			threshold, more[name])
	}
	return text
}

// calibrate writes a calibration of a camera without a mask, whose errors are so high at least.
func (r *reloading) calibrate(name string, lo float64) {
	r.Helper()
	m, err := model.Load(r.weights)
	if err != nil {
		r.Fatal(err)
	}
	var normal calibrate.NormalScores
	for i := range 1200 {
		at := detect.Moment{PTS: time.Duration(i) * time.Second}
		e := lo + 0.1*float64(i*i%17)
		normal.Add(detect.Clip{
			First: at, Centre: at, Last: detect.Moment{PTS: at.PTS + time.Second},
			Readings: [2]detect.Reading{{Measure: calibrate.MeasureOf(m.Spec().Score), Error: e, Raw: e}},
		})
	}
	cal, err := calibrate.Fit(calibrate.Calibration{
		Key: calibrate.Key{
			Camera: name, Model: m.Hash(), Mask: calibrate.MaskHash(nil), Hop: 8, Width: 64, Height: 48, FPS: 10,
		},
		ScoreForm: m.Spec().Score, LoQuantile: 0.05, AlarmsPerDay: 1, Detector: detect.DefaultConfig().Record(),
	}, &normal)
	if err != nil {
		r.Fatal(err)
	}
	if err := cal.Write(r.path(name + ".json")); err != nil {
		r.Fatal(err)
	}
}

// until waits until something holds.
func (r *reloading) until(what string, holds func() bool) {
	r.Helper()
	for began := time.Now(); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > alerttest.LongWait {
			r.Fatalf("not in time: %s\n%s", what, r.log.String())
		}
	}
}

// reload asks for the file to be taken up and waits until it is or is refused.
func (r *reloading) reload() Reloads {
	r.Helper()
	before := r.Reloads()
	r.hangup <- os.Interrupt // any signal
	var now Reloads
	r.until("a reload", func() bool {
		now = r.Reloads()
		return now.Applied+now.Failed > before.Applied+before.Failed
	})
	return now
}

// startReloading runs a configuration of so many cameras that play a video at its own pace. What prepare returns is put
// after cameras as in yaml.
func startReloading(t *testing.T, cameras int, prepare ...func(*reloading) map[string]string) *reloading {
	t.Helper()
	r := &reloading{
		T: t, dir: t.TempDir(), hangup: make(chan os.Signal), ended: make(chan error, 1),
		video:   cameratest.Video(t, "street.mkv", "testsrc2=size=64x48:rate=10:duration=240", "-g", "1000"),
		weights: cameratest.ZeroWeights(t),
	}
	var more map[string]string
	for _, p := range prepare {
		more = p(r)
	}
	r.write("vigil.yaml", r.yaml(cameras, more))
	load := func() (config.Config, []config.Camera, error) {
		return RunConfig(nil, "", SourceOptions{File: r.path("vigil.yaml")})
	}
	cfg, _, err := load()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	r.stop = stop
	started := make(chan *system, 1)
	go func() {
		r.ended <- Run(ctx, cfg, nil, RunOptions{
			Log:  slog.New(slog.NewTextHandler(&r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
			File: r.path("vigil.yaml"),
			Load: load, Hangup: r.hangup, started: func(s *system) { started <- s },
		})
	}()
	select {
	case r.system = <-started:
	case err := <-r.ended:
		t.Fatalf("it ended: %v\n%s", err, r.log.String())
	}
	r.until("pictures of all cameras", func() bool {
		for _, s := range r.engine.Stats() {
			if s.Frames < 5 {
				return false
			}
		}
		return true
	})
	t.Cleanup(func() {
		stop()
		if err := <-r.ended; err != nil {
			t.Error(err)
		}
	})
	return r
}

// stats returns the counters by camera.
func (r *reloading) stats() map[string]pipeline.Stats {
	all := map[string]pipeline.Stats{}
	for _, s := range r.engine.Stats() {
		all[s.Camera] = s
	}
	return all
}

// TestReload takes up files that are wrong in every way, and good ones, while eight cameras run: those that do not
// change lose no frame.
func TestReload(t *testing.T) {
	r := startReloading(t, 8)
	start := r.yaml(8, nil)
	for _, c := range []struct{ name, text, want string }{
		{"broken YAML", start + "  - {name: c8", "vigil.yaml"},
		{"half-written", start[:len(start)/2], "vigil.yaml"},
		{"empty", "", "vigil.yaml"},
		{"an unknown key", start + "speed: 3\n", "speed"},
		{"two cameras of one name", start + "  - {name: c0, source: " + r.video + "}\n", "c0"},
		{"weights that are not there", strings.Replace(start, r.weights, "gone.safetensors", 1), "gone.safetensors"},
		{"weights that do not load", strings.Replace(start, r.weights, "vigil.yaml", 1), "model"},
		{
			"a calibration that is not there", r.yaml(8, map[string]string{"c3": ", calibration: c3.json"}),
			"vigil.yaml:10: cameras[3].calibration: ",
		},
	} {
		r.write("vigil.yaml", c.text)
		if got := r.reload(); got.Err == nil || !strings.Contains(got.Err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, got.Err, c.want)
		}
	}
	if err := os.Remove(r.path("vigil.yaml")); err != nil {
		t.Fatal(err)
	}
	if got := r.reload(); got.Err == nil || !strings.Contains(got.Err.Error(), "no such file") {
		t.Errorf("removed: %v", got.Err)
	}
	if c := r.Status(t.Context()).Config; c.Error == "" || c.Code != "config.no_file" ||
		!c.LastReload.After(c.InForce) {
		t.Errorf("the state of a removed file is %+v", c)
	}
	if got := strings.Count(r.log.String(), "the new configuration is not used"); got < 9 {
		t.Errorf("%d lines of refused configurations:\n%s", got, r.log.String())
	}

	// The next one is found by itself.
	before := r.stats()
	r.write("vigil.yaml", "log: {level: debug}\n"+r.yaml(8, map[string]string{
		"c0": ", zones: [{name: door, polygon: [[0, 0], [1, 0], [1, 1]]}]",
	}))
	r.until("the good file", func() bool { return r.Reloads().Err == nil })
	if !strings.Contains(r.log.String(), `keys=log.level code=config.restart`) {
		t.Errorf("the log does not name log.level:\n%s", r.log.String())
	}
	if c := r.Status(t.Context()).Config; !slices.Equal(c.NeedRestart, []string{"log.level"}) || c.Error != "" ||
		c.File != r.path("vigil.yaml") || !c.InForce.Equal(*c.LastReload) {
		t.Errorf("the state of a good file is %+v", c)
	}
	// One camera is gone, one has another source and two are new.
	if err := os.Symlink(r.video, r.path("other.mkv")); err != nil {
		t.Fatal(err)
	}
	other := strings.Replace(r.yaml(10, nil), "name: c2, source: "+r.video, "name: c2, source: other.mkv", 1)
	other = strings.Replace(other, "name: c1,", "name: d1,", 1)
	r.write("vigil.yaml", other)
	r.reload()
	r.until("ten cameras", func() bool { return len(r.engine.Stats()) == 10 && r.stats()["c9"].Frames > 5 })
	// A mask takes the calibration of a camera away, and gives it back when it goes.
	r.calibrate("c8", 0.2)
	for _, c := range []struct {
		mask string
		want alerts.State
	}{
		{"", alerts.StateLive},
		{", mask: [[[0, 0], [0.2, 0], [0, 0.2]]]", alerts.StateUncalibrated},
		{"", alerts.StateLive},
	} {
		r.write("vigil.yaml", strings.Replace(other, "threshold: {lo: 0.1, theta: 0.5}}\n  - {name: c9",
			"calibration: c8.json"+c.mask+"}\n  - {name: c9", 1))
		if got := r.reload(); got.Err != nil {
			t.Fatal(got.Err)
		}
		r.until("c8 is "+string(c.want), func() bool { return r.stats()["c8"].State == c.want })
	}
	if !strings.Contains(r.log.String(), "make a new one, and name it in the key calibration: vigil calibrate c8 -c ") {
		t.Errorf("the log does not say how to calibrate c8:\n%s", r.log.String())
	}
	// Files that the configuration names are taken up by themselves.
	theta := r.find("c8").camera.Threshold.Theta
	r.calibrate("c8", 0.3)
	r.until("another calibration", func() bool { return r.find("c8").camera.Threshold.Theta != theta })
	good, err := os.ReadFile(r.weights)
	if err != nil {
		t.Fatal(err)
	}
	r.replace(r.weights, string(good[:len(good)/2]))
	r.until("half of the weights", func() bool {
		err := r.Reloads().Err
		return err != nil && strings.Contains(err.Error(), "model: "+r.weights)
	})
	r.replace(r.weights, string(good))
	r.until("the weights again", func() bool { return r.Reloads().Err == nil })
	now := r.stats()
	if _, there := now["c1"]; there {
		t.Error("the removed camera is still there")
	}
	for _, name := range []string{"c0", "c3", "c4", "c5", "c6", "c7"} {
		s := now[name]
		// A clip may be skipped where the machine is slow, a frame may not be lost.
		if s.Openings != 1 || s.Missing+s.Gaps+s.Failures+s.Dropped+s.Lost != 0 ||
			s.Frames <= before[name].Frames || s.State != alerts.StateLive {
			t.Errorf("%+v", s)
		}
	}
}

// TestStartsUncalibrated checks that a start has no other result than a change while vigil runs.
func TestStartsUncalibrated(t *testing.T) {
	r := startReloading(t, 2, func(r *reloading) map[string]string {
		r.calibrate("c1", 0.2)
		return map[string]string{"c1": ", calibration: c1.json, mask: [[[0, 0], [0.2, 0], [0, 0.2]]]"}
	})
	r.until("c1 without a calibration", func() bool {
		now := r.stats()
		return now["c1"].State == alerts.StateUncalibrated && now["c0"].State == alerts.StateLive
	})
	r.write("vigil.yaml", r.yaml(2, map[string]string{"c1": ", calibration: c1.json"}))
	r.until("c1 with its calibration", func() bool { return r.stats()["c1"].State == alerts.StateLive })
}

// TestRateBelowCalibration checks that a lower frame rate takes a live camera's calibration away before it is opened.
func TestRateBelowCalibration(t *testing.T) {
	r := &reloading{T: t, dir: t.TempDir(), video: "rtsp://127.0.0.1:1/x", weights: cameratest.ZeroWeights(t)}
	r.calibrate("c0", 0.2)
	for fps, want := range map[string]string{"9": "", "5": "frame rate is 5, calibrated for 10"} {
		text := r.yaml(1, map[string]string{"c0": ", calibration: c0.json"})
		r.write("vigil.yaml", strings.Replace(text, "fps: 0", "fps: "+fps, 1))
		cfg, _, err := RunConfig(nil, "", SourceOptions{File: r.path("vigil.yaml")})
		if err != nil {
			t.Fatal(err)
		}
		p := prepareCameras(t.Context(), cfg, func(string) string { return r.path("vigil.yaml") }, Models{}, true)
		if err := p.Err(); err != nil {
			t.Fatal(err)
		}
		got, checked := p.cameras[0].Uncalibrated, PrepareCameras(t.Context(), cfg, r.path("vigil.yaml")).Err()
		if want == "" && (got != "" || checked != nil) || !strings.Contains(got, want) ||
			want != "" && (!strings.Contains(got, fmt.Sprintf("vigil calibrate c0 -c %s --for 5h -o %s",
				r.path("vigil.yaml"), r.path("c0-2.json"))) ||
				checked == nil || !strings.Contains(checked.Error(), want) ||
				!strings.Contains(checked.Error(), got) ||
				!strings.Contains(checked.Error(), "vigil run starts with it")) {
			t.Errorf("at %s: %q, %v", fps, got, checked)
		}
	}
}

// TestRemovedCamerasAreForgotten takes up forty names, two hundred with VIGIL_LONG, and takes them away again: nothing
// is left of them but switches that are set, and weights of the same content are held once.
func TestRemovedCamerasAreForgotten(t *testing.T) {
	r := startReloading(t, 1)
	r.until("the first camera's score", func() bool { return r.stats()["c0"].Scored > 0 })
	before := runtime.NumGoroutine()
	rounds, each := 4, 10
	if os.Getenv("VIGIL_LONG") != "" {
		rounds, each = 10, 20
	}
	copied := r.path("a")
	if err := os.Mkdir(copied, 0o700); err != nil {
		t.Fatal(err)
	}
	weights, err := os.ReadFile(r.weights)
	if err != nil {
		t.Fatal(err)
	}
	copied = filepath.Join(copied, filepath.Base(r.weights))
	if err := os.WriteFile(copied, weights, 0o600); err != nil {
		t.Fatal(err)
	}
	snoozed := ""
	for round := range rounds {
		text := r.yaml(1, nil)
		for i := range each {
			text += fmt.Sprintf("  - {name: n%d, source: %s, model: %s, fps: 0, threshold: {lo: 0.1, theta: 0.5}}\n",
				round*each+i, r.video, copied)
		}
		r.write("vigil.yaml", text)
		if now := r.reload(); now.Err != nil {
			t.Fatal(now.Err)
		}
		if round == 2 {
			change := alerts.SwitchChange{Action: alerts.ActionSnooze, Until: time.Now().Add(time.Hour)}
			snoozed = fmt.Sprintf("n%d", round*each)
			if _, err := r.Switch(t.Context(), snoozed, change, "cli"); err != nil {
				t.Fatal(err)
			}
			if r.find(snoozed).camera.Model != r.find("c0").camera.Model {
				t.Error("weights of the same content are held twice")
			}
		}
	}
	r.adapted.mu.Lock()
	r.adapted.logged["n1"] = 1
	r.adapted.mu.Unlock()
	// What a camera publishes when it is removed may come later than the reload; the next one frees it.
	for i := range 2 {
		r.write("vigil.yaml", r.yaml(1, map[string]string{"c0": fmt.Sprintf(", detector: {close_after: %ds}", 4+i)}))
		if now := r.reload(); now.Err != nil {
			t.Fatal(now.Err)
		}
	}
	r.until("no more goroutines", func() bool { return runtime.NumGoroutine() <= before+10 })
	r.monitor.mu.Lock()
	defer r.monitor.mu.Unlock()
	r.switches.mu.Lock()
	defer r.switches.mu.Unlock()
	if len(r.monitor.cameras) != 1 || len(r.switches.cameras) != 2 || len(r.adapted.logged) != 0 {
		t.Errorf("left of %d names: %d, %d and %d entries", rounds*each, len(r.monitor.cameras),
			len(r.switches.cameras),
			len(r.adapted.logged))
	}
	if of := r.switches.cameras[snoozed]; of == nil || !of.set.Any() {
		t.Error("the snooze of the removed camera is lost")
	}
}
