//go:build linux && cgo && gocv_videoio

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vigil/internal/alerttest"
	"vigil/internal/cameratest"
	"vigil/internal/disktest"
	"vigil/internal/natstest"
	"vigil/internal/testenv"
)

// shortened returns the alert rules with periods that a test can wait for.
func shortened(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "deploy", "prometheus", "vigil.rules.yml"))
	if err != nil {
		t.Fatal(err)
	}
	rules := string(text)
	for from, to := range map[string]string{"for: 1m\n": "for: 300ms\n", "[1m]": "[2s]", "> 300\n": "> 1\n"} {
		if !strings.Contains(rules, from) {
			t.Fatalf("the rules have no %q", from)
		}
		rules = strings.ReplaceAll(rules, from, to)
	}
	return rules
}

// startPrometheus starts a Prometheus that scrapes an address all the time, and returns a function for the alerts that
// fire.
func startPrometheus(t *testing.T, target string) func() []string {
	t.Helper()
	program := testenv.Tool(t, "prometheus")
	dir := t.TempDir()
	for name, text := range map[string]string{
		"rules.yml": shortened(t),
		"prometheus.yml": `
global: {scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms}
rule_files: [rules.yml]
scrape_configs: [{job_name: vigil, static_configs: [{targets: ["` + target + `"]}]}]
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	at := fmt.Sprintf("127.0.0.1:%d", natstest.FreePort(t))
	cmd := exec.Command(program, "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+at, "--log.level=warn")
	var log alerttest.Log
	cmd.Stderr, cmd.Stdout = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("Prometheus logged:\n%s", &log)
		}
	})
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if code, _ := get(t, "http://"+at+"/-/ready"); code == http.StatusOK {
			break
		}
		if time.Since(began) > alerttest.LongWait {
			t.Fatalf("Prometheus does not start:\n%s", &log)
		}
	}
	return func() (firing []string) {
		_, text := get(t, "http://"+at+"/api/v1/alerts")
		var answer struct {
			Data struct {
				Alerts []struct {
					State  string
					Labels map[string]string
				}
			}
		}
		if err := json.Unmarshal([]byte(text), &answer); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		for _, a := range answer.Data.Alerts {
			if a.State == "firing" {
				firing = append(firing, a.Labels["alertname"]+" "+a.Labels["camera"]+a.Labels["sink"])
			}
		}
		return firing
	}
}

// A stalled camera, a blocked sink and a full disk each make their alert fire in a real Prometheus, and it clears when
// the fault is over.
func TestAlertsFireAndClear(t *testing.T) {
	var stalled, blocked atomic.Bool
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if blocked.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer hook.Close()
	dir := disktest.Small(t, 48<<20)
	w := watch(t, fmt.Sprintf(`
data_dir: %s
model: %s
nats: {embedded: {port: 0}}
outbox: {size: 8, reserve: 4}
evidence: {enabled: false}
http: {listen: "127.0.0.1:0"}
webhook: {url: %q}
defaults: {read_timeout: 1s, reconnect: {min: 100ms, max: 200ms}}
cameras:
  - name: flashes
    source: %s
    threshold: {lo: 0.1, theta: 0.3}
    detector: {open_after: 100ms, close_after: 100ms, cool_down: 0s}
  - {name: other, source: %s}
`, filepath.Join(dir, "data"), cameratest.ZeroWeights(t), hook.URL, flashes(t, new(atomic.Bool)), flashes(t, &stalled)))
	at := w.url("http.listen")
	firing := startPrometheus(t, strings.TrimPrefix(at, "http://"))
	fires := func(alert string) bool { return slices.Contains(firing(), alert) }
	const camera, sink, store = "VigilCameraStalled other", "VigilSinkBlocked webhook", "VigilStoreFailing "
	w.until("a delivered event, and no alert", func() bool {
		_, text := get(t, at+"/metrics")
		n := value(text, `vigil_sink_delivered_total{sink="webhook"}`)
		return n != "" && n != "0" && !fires(camera) && !fires(sink) && !fires(store)
	})

	stalled.Store(true)
	blocked.Store(true)
	w.until("the alerts about camera and sink", func() bool { return fires(camera) && fires(sink) })
	if fires(store) || fires("VigilCameraStalled flashes") {
		t.Errorf("too much fires: %v", firing())
	}
	full := fillDisk(t, dir)
	w.until("the alert about the store", func() bool { return fires(store) })
	full.drop(t)
	stalled.Store(false)
	blocked.Store(false)
	w.until("the end of all three", func() bool { return !fires(camera) && !fires(sink) && !fires(store) })
}
