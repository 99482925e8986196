//go:build cgo && gocv_videoio

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vigil/alerts/broker"
	"vigil/internal/cameratest"
	"vigil/internal/rtsptest"
	"vigil/pipeline/calibrate"
)

// makeCalibration makes a calibration of a recording as 'vigil calibrate' does.
func makeCalibration(t *testing.T, video, weights string, more ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "gate.json")
	args := append([]string{"calibrate", video, "-m", weights, "--camera", "gate", "-o", out}, more...)
	if code, _, errs := runVigil(t, args...); code != exitDone {
		t.Fatalf("calibrate: exit code %d: %s", code, errs)
	}
	return out
}

// checkRefusedTwice wants config check to find what is wrong with its key, and run to refuse it.
func checkRefusedTwice(t *testing.T, file, want string) {
	t.Helper()
	code, _, errs := runVigil(t, "config", "check", "-c", file)
	if code != exitUsage || !strings.Contains(errs, want) {
		t.Errorf("check: exit code %d, want %d and %q: %s", code, exitUsage, want, errs)
	}
	if code, _, errs := runVigil(t, "run", "-c", file); code == exitDone {
		t.Errorf("run took it: %s", errs)
	}
}

// Whatever run would not start with, config check finds, with the key and its line.
func TestConfigCheckFindsWhatRunRefuses(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	weights := cameratest.ZeroWeights(t)
	video := ffmpeg(t, dir, "-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=6", "gate.mkv")
	good := makeCalibration(t, video, weights)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().(*net.TCPAddr).Port
	held, err := broker.Start(t.Context(), broker.Options{Dir: filepath.Join(dir, "held", "nats"), NoListen: true})
	if err != nil {
		t.Fatal(err)
	}
	defer held.Shutdown() //nolint:errcheck // of a test.
	text := write(t, filepath.Join(dir, "text"), "no such thing\n")

	const camera = "cameras:\n  - {name: gate, source: gate.mkv"
	model := "model: " + weights + "\n"
	for _, tt := range []struct{ name, config, want string }{
		{"no cameras", model + "cameras: []\n", "vigil.yaml:2: cameras: none is configured"},
		{"no cameras at all", model, "vigil.yaml: cameras: none is configured"},
		{"no model", camera + "}\n", "vigil.yaml:2: cameras[0].model: no weights are named"},
		{"text for weights", "model: text\n" + camera + "}\n", "vigil.yaml:1: model: "},
		{"a calibration for weights", "model: " + good + "\n" + camera + "}\n", "vigil.yaml:1: model: "},
		{
			"weights for a calibration", model + camera + ", calibration: " + weights + "}\n",
			"vigil.yaml:3: cameras[0].calibration: ",
		},
		{
			"weights for the calibration of all", model + "defaults: {calibration: text}\n" + camera + "}\n",
			"vigil.yaml:2: defaults.calibration: ",
		},
		{"no such trust", model + camera + ", trust: none.pem}\n", "cameras[0].trust: no such file"},
		{"text for trust", model + camera + ", trust: text}\n", "cameras[0].trust: " + text +
			": there is no certificate in it"},
		{
			"text for authorities", model + "webhook: {url: 'https://127.0.0.1:1/', tls: {ca: text}}\n" +
				camera + "}\n",
			"webhook: ",
		},
		{"text for a client's certificate", model + "mqtt: {url: 'ssl://127.0.0.1:1', tls: {cert: text, key: text}}\n" +
			camera + "}\n", "mqtt.tls: "},
		{
			"text for an nkey", model + "nats: {url: 'nats://127.0.0.1:1', nkey: text}\n" + camera + "}\n",
			"vigil.yaml:2: nats: NATS nkey file",
		},
		{
			"an occupied port", model + fmt.Sprintf("nats: {embedded: {port: %d}}\n", taken) + camera + "}\n",
			"vigil.yaml:2: nats.embedded.port: ",
		},
		{"an occupied MQTT port", model + fmt.Sprintf("nats: {embedded: {port: 0, mqtt_port: %d}}\n", taken) + camera +
			"}\n", "nats.embedded.mqtt_port: "},
		{"a file for data_dir", model + "data_dir: text\n" + camera + "}\n", "vigil.yaml:2: data_dir: alert store"},
		{
			"a folder below a file for data_dir", model + "data_dir: text/a/b\n" + camera + "}\n",
			"data_dir: alert store",
		},
		{"a read-only data_dir", model + "data_dir: /proc/vigil\n" + camera + "}\n", "data_dir: alert store"},
		{"another vigil's data_dir", model + "data_dir: held\n" + camera + "}\n", "data_dir: alert store " +
			filepath.Join(dir, "held", "nats") +
			": another vigil uses it: stop that one, or choose another directory; --offline"},
		{"no such recording", model + "cameras: [{name: gate, source: none.mkv}]\n", "cameras[0].source: no such file"},
		{"a broken recording", model + "cameras: [{name: gate, source: text}]\n", "cameras[0].source: "},
		{
			"a mask that crosses itself", model + camera + ", mask: [[[0, 0], [1, 1], [1, 0], [0, 1]]]}\n",
			"cameras[0].mask[0]: ",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			config := "nats: {embedded: {port: 0}}\n"
			if strings.Contains(tt.config, "nats:") {
				config = ""
			}
			checkRefusedTwice(t, write(t, filepath.Join(dir, "vigil.yaml"), tt.config+config), tt.want)
		})
	}
	if left, err := filepath.Glob(filepath.Join(dir, "vigil-data*")); err != nil || left != nil {
		t.Errorf("refusals left %v, %v", left, err)
	}
}

// A calibration that is broken, or made for something else, is found before anything starts.
func TestConfigCheckFindsBrokenCalibrations(t *testing.T) {
	dir := t.TempDir()
	weights := cameratest.ZeroWeights(t)
	video := ffmpeg(t, dir, "-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=6", "gate.mkv")
	text, err := os.ReadFile(makeCalibration(t, video, weights))
	if err != nil {
		t.Fatal(err)
	}
	good := string(text)
	// again is a record that another camera, model or time would have: its id fits its content.
	again := func(change func(*calibrate.Calibration)) string {
		var c calibrate.Calibration
		if err := json.Unmarshal(text, &c); err != nil {
			t.Fatal(err)
		}
		change(&c)
		return withNewID(t, c)
	}
	replaced := func(old, by string) string {
		t.Helper()
		if !strings.Contains(good, old) {
			t.Fatalf("%q is not in %s", old, good)
		}
		return strings.Replace(good, old, by, 1)
	}
	type k = *calibrate.Calibration
	for name, record := range map[string]string{
		"empty": "", "blank": "\n", "half": good[:len(good)/2], "but for the end": strings.TrimRight(good, "}\n"),
		"null": "null", "a list": "[]", "a number": "1",
		"a text": `"x"`, "no record": "{}", "twice": good + good, "with something behind": good + "x",
		"zeros":   strings.Repeat("\x00", 4096),
		"Latin-1": "\xff\xfe" + good, "YAML": "lo: 1\ntheta: 2\n",
		"lo is NaN": strings.Replace(good, `"lo": `, `"lo": NaN, "x": `, 1), "theta is a text": strings.Replace(good,
			`"theta": `, `"theta": "1", "x": `, 1),
		"an unknown field":         strings.Replace(good, "{", `{"extra": 1,`, 1),
		"version 1":                replaced(`"version": 4`, `"version": 1`),
		"version 5":                replaced(`"version": 4`, `"version": 5`),
		"changed by hand":          replaced(`"hop": 2`, `"hop": 3`),
		"another id":               replaced(`"id": "`, `"id": "0`),
		"lo is theta":              again(func(c k) { c.Lo = c.Theta }),
		"lo above theta":           again(func(c k) { c.Lo = 2 * c.Theta }),
		"another camera":           again(func(c k) { c.Key.Camera = "yard" }),
		"no camera":                again(func(c k) { c.Key.Camera = "" }),
		"another model":            again(func(c k) { c.Key.Model = strings.Repeat("0", 64) }),
		"no model":                 again(func(c k) { c.Key.Model = "" }),
		"a mask":                   again(func(c k) { c.Key.Mask = "abc" }),
		"another hop":              again(func(c k) { c.Key.Hop = 4 }),
		"another width":            again(func(c k) { c.Key.Width = 640 }),
		"another height":           again(func(c k) { c.Key.Height = 480 }),
		"no size":                  again(func(c k) { c.Key.Width, c.Key.Height = 0, 0 }),
		"another rate":             again(func(c k) { c.Key.FPS = 25 }),
		"no rate":                  again(func(c k) { c.Key.FPS = 0 }),
		"an empty sensitivity map": again(func(c k) { c.Sensitivity = &calibrate.SensitivityMap{} }),
	} {
		t.Run(name, func(t *testing.T) {
			write(t, filepath.Join(dir, "gate.json"), record)
			file := write(t, filepath.Join(dir, "vigil.yaml"),
				"model: "+weights+
					"\nnats: {embedded: {port: 0}}\ncameras: [{name: gate, source: gate.mkv, calibration: gate.json}]\n")
			code, _, errs := runVigil(t, "config", "check", "--offline", "-c", file)
			if code != exitUsage || !strings.Contains(errs, "vigil.yaml:3: cameras[0].calibration: ") {
				t.Errorf("exit code %d, want %d: %s", code, exitUsage, errs)
			}
		})
	}
}

// withNewID gives a record the id of its present content.
func withNewID(t *testing.T, c calibrate.Calibration) string {
	t.Helper()
	c.ID = ""
	for range 2 {
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if c.ID != "" {
			return string(text)
		}
		sum := sha256.Sum256(text)
		c.ID = hex.EncodeToString(sum[:8])
	}
	return ""
}

// With --connect a camera has to show a picture.
func TestConfigCheckConnects(t *testing.T) {
	server := rtsptest.Start(t, rtsptest.Options{})
	file := filepath.Join(t.TempDir(), "vigil.yaml")
	text := fmt.Sprintf(
		"model: %s\nnats: {embedded: {port: 0}}\ncameras: [{name: gate, source: '%s', open_timeout: 20s}]\n",
		cameratest.ZeroWeights(t), server.URL())
	write(t, file, text)
	if code, out, errs := runVigil(t, "config", "check", "--connect", "-c", file); code != exitDone {
		t.Errorf("a camera that answers: exit code %d: %s%s", code, out, errs)
	}
	server.Stop()
	if code, _, errs := runVigil(t, "config", "check", "--connect", "-c", file); code != exitFailed ||
		!strings.Contains(errs, "camera gate: source: ") {
		t.Errorf("a camera that does not: exit code %d: %s", code, errs)
	}
	if code, _, errs := runVigil(t, "config", "check", "-c", file); code != exitDone {
		t.Errorf("without --connect: exit code %d: %s", code, errs)
	}
}

// A password from the environment reaches the camera as it is, whatever is in it, and a scheme may be in capitals.
func TestPasswordsReachTheCamera(t *testing.T) {
	const password = "2024/Ga?te#@ 50%"
	server := rtsptest.Start(t, rtsptest.Options{User: "admin", Password: password})
	u, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GATE_PASSWORD", password+"\n")
	text := fmt.Sprintf(
		"model: %s\nnats: {embedded: {port: 0}}\ncameras: [{name: gate, source: "+
			"'RTSP://admin:${GATE_PASSWORD}@LocalHost:%s/test', open_timeout: 20s}]\n",
		cameratest.ZeroWeights(t), u.Port())
	file := write(t, filepath.Join(t.TempDir(), "vigil.yaml"), text)
	if code, out, errs := runVigil(t, "config", "check", "--connect", "-c", file); code != exitDone {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	t.Setenv("GATE_PASSWORD", "wrong/"+password)
	code, _, errs := runVigil(t, "config", "check", "--connect", "-c", file)
	if code != exitFailed || !strings.Contains(errs, "401") || strings.Contains(errs, "2024") ||
		strings.Contains(errs, "Ga?te") {
		t.Errorf("a wrong password: exit code %d: %s", code, errs)
	}
}

// A camera is calibrated by its name: the configuration has its source and its weights.
func TestCalibrateByName(t *testing.T) {
	dir := t.TempDir()
	ffmpeg(t, dir, "-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=6", "today.mkv")
	file := write(t, filepath.Join(dir, "vigil.yaml"), "model: "+cameratest.ZeroWeights(t)+
		"\ncameras:\n  - {name: gate, source: today.mkv, hop: 4}\n  - {name: yard, source: "+
		"'rtsp://u:${VIGIL_TEST_NOT_SET}@127.0.0.1/x'}\n")
	out := filepath.Join(dir, "gate.json")
	mustRunVigil(t, "calibrate", "gate", "-c", file, "-o", out, "--theta-quantile", "0.9", "--hop", "2")
	cal, err := calibrate.Read(out)
	if err != nil || cal.Key.Camera != "gate" || cal.Key.Hop != 2 || cal.Key.Width != 64 {
		t.Errorf("%+v, %v", cal.Key, err)
	}
	if code, _, errs := runVigil(t, "calibrate", "yard", "-c", file, "-o", out, "--for", "1s"); code != exitUsage ||
		!strings.Contains(errs, "VIGIL_TEST_NOT_SET") {
		t.Errorf("a camera whose variable is not set: exit code %d: %s", code, errs)
	}
	if code, _, errs := runVigil(t, "calibrate", "gate", "-c", file, "-o", out, "--camera",
		"yard"); code != exitUsage ||
		!strings.Contains(errs, "two cameras") {
		t.Errorf("two cameras: exit code %d: %s", code, errs)
	}
}
