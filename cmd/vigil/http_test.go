//go:build linux && cgo && gocv_videoio

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vigil/internal/alerttest"
	"vigil/internal/cameratest"
	"vigil/internal/health"
	"vigil/internal/natstest"
	"vigil/internal/rtsptest"
)

// flashes returns the address of a camera that sees grey for a second and white for another, over and over, unless
// it is stalled.
func flashes(t *testing.T, stalled *atomic.Bool) string {
	t.Helper()
	picture := func(i int) []byte {
		img := image.NewGray(image.Rect(0, 0, 160, 120))
		for j := range img.Pix {
			img.Pix[j] = 128
			if i/20%2 == 1 {
				img.Pix[j] = 250
			}
		}
		img.SetGray(i%160, i/160%120, color.Gray{}) // so that no two pictures are the same
		var b bytes.Buffer
		if err := jpeg.Encode(&b, img, nil); err != nil {
			panic(err)
		}
		return b.Bytes()
	}
	ctx := t.Context()
	return cameratest.MotionJPEG(t, 50*time.Millisecond, func(i int) []byte {
		for stalled.Load() && ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		return picture(i)
	})
}

// watching is a vigil that runs in this process.
type watching struct {
	t    *testing.T
	file string
	log  *alerttest.Log
	stop context.CancelFunc
	code chan int
}

// watch runs the program on a configuration until the test ends.
func watch(t *testing.T, text string) *watching {
	t.Helper()
	file := filepath.Join(t.TempDir(), "vigil.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	w := &watching{t: t, file: file, log: new(alerttest.Log), stop: stop, code: make(chan int, 1)}
	go func() { w.code <- run(ctx, []string{"run", "-c", file, "--summary", "200ms"}, w.log, w.log) }()
	t.Cleanup(func() { w.end() })
	return w
}

// end stops the program.
func (w *watching) end() {
	w.stop()
	select {
	case code, running := <-w.code:
		if running && code != exitDone {
			w.t.Errorf("exit code %d:\n%s", code, w.log)
		}
		if running {
			close(w.code)
		}
	case <-time.After(alerttest.LongWait):
		w.t.Errorf("the program does not end:\n%s", w.log)
	}
}

// until waits for a condition.
func (w *watching) until(what string, holds func() bool) {
	w.t.Helper()
	for began := time.Now(); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > alerttest.LongWait {
			w.t.Fatalf("waiting for %s:\n%s", what, w.log)
		}
	}
}

// listens matches the log's line about a listener.
var listens = regexp.MustCompile(`msg="HTTP listens" key=(\S+) url=(\S+)`)

// url returns the address of a listener of the program.
func (w *watching) url(key string) (url string) {
	w.t.Helper()
	w.until("the listener of "+key, func() bool {
		for _, m := range listens.FindAllStringSubmatch(w.log.String(), -1) {
			if m[1] == key {
				url = m[2]
			}
		}
		return url != ""
	})
	return url
}

// get returns the status and the text of an answer; 0 for none.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	return getAs(t, url, "")
}

// getAs is get with a token.
func getAs(t *testing.T, url, token string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// value returns a metric's value in an output, "" for none.
func value(text, series string) string {
	_, rest, found := strings.Cut(text, "\n"+series+" ")
	if !found {
		return ""
	}
	line, _, _ := strings.Cut(rest, "\n")
	return line
}

func configText(t *testing.T, camera, more string) string {
	t.Helper()
	return fmt.Sprintf(`
data_dir: %s
model: %s
nats: {embedded: {port: 0}}
cameras:
  - name: flashes
    source: %s
    read_timeout: 1s
    reconnect: {min: 100ms, max: 200ms}
    threshold: {lo: 0.1, theta: 0.3}
    detector: {open_after: 100ms, close_after: 100ms, cool_down: 0s}
%s
`, filepath.Join(t.TempDir(), "data"), cameratest.ZeroWeights(t), camera, more)
}

// Metrics and health follow what happens: frames, an event, its delivery, a camera that stalls and comes back.
func TestServesMetricsAndHealth(t *testing.T) {
	var stalled atomic.Bool
	hook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer hook.Close()
	w := watch(t, configText(t, flashes(t, &stalled), `
http: {listen: "127.0.0.1:0", pprof: "127.0.0.1:0"}
evidence: {enabled: false}
webhook: {url: "`+hook.URL+`"}`))
	at := w.url("http.listen")
	metric := func(series string) string {
		code, text := get(t, at+"/metrics")
		if code != http.StatusOK {
			t.Fatalf("/metrics answers %d: %s", code, text)
		}
		return value(text, series)
	}
	w.until("a delivery", func() bool {
		n := metric(`vigil_sink_delivery_seconds_count{sink="webhook"}`)
		return n != "" && n != "0"
	})
	_, text := get(t, at+"/metrics")
	for _, series := range []string{
		`vigil_camera_frames_total{camera="flashes"}`, `vigil_camera_clips_scored_total{camera="flashes"}`,
		`vigil_camera_events_total{camera="flashes"}`, `vigil_clip_score_seconds_count{camera="flashes"}`,
		`vigil_clip_capture_seconds_count{camera="flashes"}`, `vigil_clip_queue_seconds_count{camera="flashes"}`,
		`vigil_alert_publish_seconds_count{camera="flashes"}`, `vigil_camera_state{camera="flashes",state="live"}`,
		`vigil_outbox_stored_total`, `vigil_store_disk_free_bytes`, `vigil_store_limit_bytes`, `go_goroutines`,
		`vigil_camera_threshold{camera="flashes",measure="mean"}`,
	} {
		if v := value(text, series); v == "" || v == "0" {
			t.Errorf("%s is %q", series, v)
		}
	}
	w.until("readiness", func() bool { code, _ := get(t, at+"/readyz"); return code == http.StatusOK })
	if code, text := get(t, at+"/healthz"); code != http.StatusOK {
		t.Errorf("/healthz answers %d: %s", code, text)
	}
	if code, text := get(t, at+"/api/v1/cameras"); code != http.StatusOK ||
		!strings.Contains(text, `"name":"flashes"`) {
		t.Errorf("the API lists: %d %s", code, text)
	}
	for _, path := range []string{"/none", "/api", "/metrics/", "/debug/pprof/", "/readyz/../metrics/x"} {
		if code, _ := get(t, at+path); code != http.StatusNotFound {
			t.Errorf("%s answers %d", path, code)
		}
	}
	if code, text := get(t, w.url("http.pprof")+"/debug/pprof/goroutine?debug=1"); code != http.StatusOK ||
		!strings.Contains(text, "goroutine profile") {
		t.Errorf("the profile is %d %.100s", code, text)
	}

	stalled.Store(true)
	var ready health.Ready
	w.until("a reason of the stalled camera", func() bool {
		code, text := get(t, at+"/readyz")
		ready = health.Ready{}
		return code == http.StatusServiceUnavailable && json.Unmarshal([]byte(text), &ready) == nil &&
			slices.ContainsFunc(ready.Reasons, func(i health.Item) bool {
				return i.Kind == "camera" &&
					i.Name == "flashes"
			})
	})
	w.until("the failure of the stalled camera", func() bool {
		return metric(`vigil_camera_failures_total{camera="flashes"}`) != "0"
	})
	stalled.Store(false)
	w.until("readiness again", func() bool { code, _ := get(t, at+"/readyz"); return code == http.StatusOK })
	if v := metric(`vigil_camera_reconnections_total{camera="flashes"}`); v == "" || v == "0" {
		t.Errorf("%q reconnections", v)
	}
	mustRunVigil(t, "camera", "pause", "flashes", "-c", w.file)
	if v := metric(`vigil_camera_state{camera="flashes",state="paused"}`); v != "1" {
		t.Errorf("state paused is %q of a paused camera", v)
	}
	if v := metric(`vigil_camera_reconnections_total{camera="flashes"}`); v == "" || v == "0" {
		t.Errorf("%q reconnections of a paused camera", v)
	}
	if code, text := get(t, at+"/readyz"); code != http.StatusOK || !strings.Contains(text, `"paused"`) {
		t.Errorf("with a paused camera /readyz answers %d: %s", code, text)
	}
	w.end()
	if code, _ := get(t, at+"/metrics"); code != 0 {
		t.Errorf("after the end /metrics answers %d", code)
	}
}

// Where another program has the port, the cameras run, and the log says where to look; with off nothing listens.
func TestHTTPPortTakenAndOff(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	camera := flashes(t, new(atomic.Bool))
	for listen, want := range map[string]bool{`"` + taken.Addr().String() + `"`: true, "off": false} {
		w := watch(t, configText(t, camera, "http: {listen: "+listen+"}\nevidence: {enabled: false}"))
		w.until("an event", func() bool { return counter(w.log.String(), "flashes", "events") > 0 })
		w.end()
		text := w.log.String()
		alarm := strings.Contains(text, "ALARM") && strings.Contains(text, "code=server.no_http") &&
			strings.Contains(text, taken.Addr().String()) && strings.Contains(text, "http.listen")
		if alarm != want || strings.Contains(text, "HTTP listens") {
			t.Errorf("with %s there is:\n%s", listen, text)
		}
	}
}

// The listener is closed first, then cameras, events, evidence, sinks and the store.
func TestOrderOfStop(t *testing.T) {
	mqtt := natstest.Mosquitto(t, natstest.FreePort(t), "allow_anonymous true")
	w := watch(t, configText(t, flashes(t, new(atomic.Bool)), fmt.Sprintf(`
log: {level: debug}
http: {listen: "127.0.0.1:0"}
mqtt: {url: "tcp://127.0.0.1:%d"}`, mqtt.Port)))
	w.url("http.listen")
	w.until("an open event", func() bool {
		text := w.log.String()
		return strings.LastIndex(text, "msg=alert camera=flashes phase=start") > strings.LastIndex(text,
			"msg=alert camera=flashes phase=end")
	})
	w.end()
	text := w.log.String()
	last := 0
	for _, step := range []string{
		`msg="HTTP closed"`, `msg="camera done"`, "msg=alert camera=flashes phase=end",
		"msg=closed part=evidence", "msg=closed part=mqtt", "msg=closed part=store",
	} {
		at := strings.LastIndex(text, step)
		if at < last {
			t.Errorf("%s is at %d, after what comes before it at %d:\n%s", step, at, last, text)
		}
		last = at
	}
}

// Secrets of cameras and sinks are in no metric, no answer of the API and no line of the log, although each of them is
// refused.
func TestSecretsAreNotServed(t *testing.T) {
	const secret = "XYZZY"
	camera := rtsptest.Start(t, rtsptest.Options{User: "viewer", Password: "another"})
	nats := natstest.Launch(t, natstest.FreePort(t), `authorization: {user: vigil, password: another}`)
	mqtt := natstest.Mosquitto(t, natstest.FreePort(t), "allow_anonymous false")
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
	}))
	defer hook.Close()
	text := configText(t, flashes(t, new(atomic.Bool)), fmt.Sprintf(`
  - {name: yard, source: %q}
log: {level: debug}
http: {listen: "127.0.0.1:0"}
mqtt: {url: "tcp://127.0.0.1:%d", user: joe, password: %s-MQTT}
webhook: {url: "%s/%s-PATH?token=%s-TOKEN", secret: %s-HOOK}
`, strings.Replace(camera.URL(), "another", secret+"-CAMERA", 1), mqtt.Port, secret, hook.URL, secret, secret, secret))
	text = strings.Replace(text, "nats: {embedded: {port: 0}}",
		fmt.Sprintf("nats: {url: \"nats://127.0.0.1:%d\", user: vigil, password: %s-NATS}", nats.Port, secret), 1)
	if strings.Count(text, secret) != 6 {
		t.Fatalf("not every secret is in the configuration:\n%s", text)
	}
	w := watch(t, text)
	at := w.url("http.listen")
	var metrics string
	w.until("failures of every sink and of the camera", func() bool {
		_, metrics = get(t, at+"/metrics")
		for _, series := range []string{
			`vigil_sink_failures_total{sink="nats"}`, `vigil_sink_failures_total{sink="mqtt"}`,
			`vigil_sink_failures_total{sink="webhook"}`, `vigil_camera_failures_total{camera="yard"}`,
		} {
			if v := value(metrics, series); v == "" || v == "0" {
				return false
			}
		}
		return true
	})
	_, alive := get(t, at+"/healthz")
	_, ready := get(t, at+"/readyz")
	answers := ""
	token := strings.TrimSpace(mustRunVigil(t, "token", "add", "all", "--role", "operate", "-c", w.file))
	for _, path := range []string{
		"/cameras", "/cameras/yard", "/status", "/config", "/health", "/alerts", "/session", "/models",
		"/calibrations",
	} {
		status, text := getAs(t, at+"/api/v1"+path, token)
		if status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, text)
		}
		answers += text
	}
	if !strings.Contains(answers, "rtsp://***@") {
		t.Errorf("no answer shows the source: %s", answers)
	}
	for _, item := range []string{`"nats"`, `"mqtt"`, `"webhook"`, `"yard"`} {
		if !strings.Contains(ready, item) {
			t.Errorf("/readyz lacks %s: %s", item, ready)
		}
	}
	w.end()
	for what, text := range map[string]string{
		"/metrics": metrics, "/healthz": alive, "/readyz": ready,
		"the log": w.log.String(), "the API": answers,
	} {
		if strings.Contains(text, secret) {
			t.Errorf("a secret is in %s:\n%s", what, text)
		}
	}
}
