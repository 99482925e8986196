package metrics

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/evidence"
	"vigil/alerts/outbox"
	"vigil/internal/errcode"
	"vigil/pipeline"
	"vigil/pipeline/detect"
)

// full returns metrics in which every family has a value.
func full(t *testing.T, cameras ...string) *Metrics {
	t.Helper()
	m := New()
	log := slog.New(errcode.Handler(m.LogHandler(slog.DiscardHandler)))
	log.Warn("a warning", "error", errcode.StoreFull.New("full"))
	var stats []pipeline.Stats
	for _, name := range cameras {
		stats = append(stats, pipeline.Stats{
			Camera: name, Frames: 100, Missing: 2, Gaps: 1, Openings: 3, Scored: 40, Skipped: 5,
			State: alerts.StateUntrusted, Since: time.Unix(1700000000, 0),
			States: map[alerts.State]uint64{alerts.StateUntrusted: 2}, DecodeErrors: 7, Starved: 4,
			Rates: pipeline.Rates{Source: 25, Seen: 10}, QueueAge: 3 * time.Second,
			Scales: []detect.Scale{{Measure: detect.Motion, Theta: 0.02}, {Measure: detect.Appearance, Theta: 0.03}},
		})
		m.OnClip(clip(name))
		m.OnLost(alerts.Alert{Camera: name})
		m.OnAlert(alerts.Alert{Camera: name, Latency: &alerts.Latency{PublishMS: 4}})
	}
	m.OnDelivered("mqtt", 20*time.Millisecond)
	m.Read(Sources{
		Cameras: func() []pipeline.Stats { return stats },
		Alerts: func() Alerts {
			return Alerts{
				Outbox: outbox.Stats{
					Stored: 9, FreeBytes: 1 << 30, FailingSince: time.Now(),
					Sinks: []outbox.SinkStats{
						{Name: "mqtt", Waiting: 2, Oldest: time.Now().Add(-time.Hour), Failures: 7, Failing: true},
					},
				},
				Usage: broker.Usage{Used: 5, Limit: 10}, Connected: map[string]bool{"mqtt": true},
				Unsent: alerts.Unsent{Scores: 6, States: 1}, CommandsIgnored: map[string]uint64{"mqtt": 8},
				Evidence: &Evidence{
					Stats:   evidence.Stats{Stored: 3, Lost: map[evidence.Loss]uint64{evidence.LostOverloaded: 2}},
					Objects: 4,
				},
			}
		},
		Refused: func() map[errcode.Code]uint64 { return map[errcode.Code]uint64{errcode.AccessLogin: 2} },
		Reloads: func() Reloads {
			return Reloads{
				OK: 3, Failed: 1, Last: time.Unix(1700000000, 0), InForce: time.Unix(1600000000, 0),
				Restart: []string{"log.level"},
			}
		},
		Streams: func() Streams { return Streams{Open: 3, Dropped: 2, Refused: 1} },
	})
	return m
}

func clip(camera string) detect.Clip {
	return detect.Clip{
		Camera: camera, Regularity: 0.75, Error: 0.01, Capture: 3 * time.Millisecond, Queue: 20 * time.Millisecond,
		Score: 40 * time.Millisecond,
	}
}

// scrape returns what Prometheus reads.
func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	r := httptest.NewRecorder()
	m.Handler(slog.New(slog.DiscardHandler)).ServeHTTP(r,
		httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if r.Code != http.StatusOK {
		t.Fatalf("status %d: %s", r.Code, r.Body)
	}
	return r.Body.String()
}

// types returns the families of an output and their types.
func types(text string) map[string]Type {
	all := map[string]Type{}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)$`).FindAllStringSubmatch(text, -1) {
		all[m[1]] = Type(m[2])
	}
	return all
}

// Every family is served with its type and labels, and nothing of vigil that is no family.
func TestFamiliesAreServed(t *testing.T) {
	text := scrape(t, full(t, "gate"))
	served := types(text)
	for _, f := range Families() {
		if served[f.Name] != f.Type {
			t.Errorf("%s is served as %q, want %s", f.Name, served[f.Name], f.Type)
			continue
		}
		line := regexp.MustCompile(`(?m)^` + f.Name + `(?:_bucket)?(?:\{(.*)\})? `).FindStringSubmatch(text)
		if line == nil {
			t.Errorf("%s has no value", f.Name)
			continue
		}
		var labels []string
		for _, l := range regexp.MustCompile(`(\w+)="`).FindAllStringSubmatch(line[1], -1) {
			if l[1] != "le" {
				labels = append(labels, l[1])
			}
		}
		want := slices.Clone(f.Labels)
		slices.Sort(labels)
		slices.Sort(want)
		if !slices.Equal(labels, want) {
			t.Errorf("%s has the labels %v, want %v", f.Name, labels, want)
		}
		delete(served, f.Name)
	}
	for name := range served {
		if strings.HasPrefix(name, "vigil_") {
			t.Errorf("%s is served and not in Families", name)
		}
	}
	for _, name := range []string{"go_goroutines", "process_resident_memory_bytes"} {
		if _, ok := served[name]; !ok {
			t.Errorf("%s is not served", name)
		}
	}
}

// The names follow Prometheus's conventions.
func TestLint(t *testing.T) {
	problems, err := promlint.New(strings.NewReader(scrape(t, full(t, "gate", "yard")))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestValues(t *testing.T) {
	text := scrape(t, full(t, "gate"))
	for _, line := range []string{
		`vigil_camera_frames_total{camera="gate"} 100`,
		`vigil_camera_frames_missing_total{camera="gate"} 2`,
		`vigil_camera_reconnections_total{camera="gate"} 2`,
		`vigil_camera_state{camera="gate",state="untrusted"} 1`,
		`vigil_camera_decode_errors_total{camera="gate"} 7`,
		`vigil_camera_clips_skipped_memory_total{camera="gate"} 4`,
		`vigil_live_messages_unsent_total{kind="score"} 6`,
		`vigil_live_messages_unsent_total{kind="state"} 1`,
		`vigil_sink_commands_ignored_total{sink="mqtt"} 8`,
		`vigil_camera_state{camera="gate",state="live"} 0`,
		`vigil_camera_regularity{camera="gate"} 0.75`,
		`vigil_camera_queue_age_seconds{camera="gate"} 3`,
		`vigil_camera_threshold{camera="gate",measure="appearance"} 0.03`,
		`vigil_alert_messages_lost_total{camera="gate"} 1`,
		`vigil_clip_score_seconds_count{camera="gate"} 1`,
		`vigil_clip_score_seconds_bucket{camera="gate",le="0.025"} 0`,
		`vigil_clip_score_seconds_bucket{camera="gate",le="0.05"} 1`,
		`vigil_alert_publish_seconds_sum{camera="gate"} 0.004`,
		`vigil_sink_delivery_seconds_sum{sink="mqtt"} 0.02`,
		`vigil_sink_waiting_messages{sink="mqtt"} 2`,
		`vigil_outbox_failing 1`,
		`vigil_evidence_lost_total{reason="overloaded"} 2`,
		`vigil_config_reloads_total{result="failed"} 1`,
		`vigil_config_last_reload_successful 0`,
		`vigil_config_last_success_timestamp_seconds 1.6e+09`,
		`vigil_config_restart_needed{key="log.level"} 1`,
		`vigil_log_messages_total{code="store.full",level="warn"} 1`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("%s is missing", line)
		}
	}
	age := regexp.MustCompile(`vigil_sink_oldest_waiting_seconds\{sink="mqtt"\} (3[56]\d\d)`)
	if !age.MatchString(text) {
		t.Error("the oldest message is not an hour old")
	}
}

// A camera that leaves takes its series with it; one that comes back begins at zero.
func TestDeparture(t *testing.T) {
	m := New()
	var there []pipeline.Stats
	m.Read(Sources{Cameras: func() []pipeline.Stats { return there }})
	m.OnClip(clip("gate"))
	m.OnClip(clip("yard"))
	there = []pipeline.Stats{{Camera: "gate"}, {Camera: "yard"}}
	if text := scrape(t, m); strings.Count(text, `_seconds_count{camera="yard"} 1`) != 3 {
		t.Fatalf("yard has no histograms:\n%s", text)
	}
	there = there[:1]
	if text := scrape(t, m); strings.Contains(text, "yard") ||
		!strings.Contains(text, `_seconds_count{camera="gate"} 1`) {
		t.Errorf("yard has left, and there is:\n%s", text)
	}
	m.OnClip(clip("yard"))
	there = append(there, pipeline.Stats{Camera: "yard"})
	if text := scrape(t, m); !strings.Contains(text, `vigil_clip_score_seconds_count{camera="yard"} 1`) {
		t.Error("yard is back, and does not begin at zero")
	}
}

// A camera that is not scored has no latest clip, and one that is scored again has none before its next.
func TestLatestClip(t *testing.T) {
	m := New()
	s := pipeline.Stats{Camera: "gate", State: alerts.StateLive}
	m.Read(Sources{Cameras: func() []pipeline.Stats { return []pipeline.Stats{s} }})
	shown := func() bool {
		t.Helper()
		text := scrape(t, m)
		regularity := strings.Contains(text, "vigil_camera_regularity{")
		if regularity != strings.Contains(text, "vigil_camera_error{") {
			t.Errorf("in the state %s there is only one of both:\n%s", s.State, text)
		}
		return regularity
	}
	for _, state := range States {
		s.State = alerts.StateLive
		m.OnClip(clip("gate"))
		if !shown() {
			t.Error("the latest clip is missing")
		}
		s.State = state
		want := scored(state)
		if shown() != want {
			t.Errorf("in the state %s the latest clip is shown: %v", state, !want)
		}
		s.State = alerts.StateLive
		if shown() != want {
			t.Errorf("after the state %s the latest clip is shown: %v", state, !want)
		}
	}
}

// What a camera has lost is still counted when it has left, also if that was noticed later.
func TestLostStaysCounted(t *testing.T) {
	m := New()
	there := []pipeline.Stats{{Camera: "gate"}, {Camera: "yard"}}
	m.Read(Sources{Cameras: func() []pipeline.Stats { return there }})
	lost := func() uint64 {
		t.Helper()
		sum := uint64(0)
		for _, v := range regexp.MustCompile(`(?m)^vigil_alert_messages_lost_total\{.*\} (\d+)$`).
			FindAllStringSubmatch(scrape(t, m), -1) {
			n, err := strconv.ParseUint(v[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			sum += n
		}
		return sum
	}
	if n := lost(); n != 0 {
		t.Fatalf("%d are lost at the start", n)
	}
	m.OnLost(alerts.Alert{Camera: "yard"})
	there = there[:1]
	m.OnLost(alerts.Alert{Camera: "yard"})
	for range 2 {
		if n := lost(); n != 2 {
			t.Errorf("%d are lost", n)
		}
	}
	m.OnLost(alerts.Alert{Camera: "yard"})
	if n := lost(); n != 3 {
		t.Errorf("then %d are lost", n)
	}
	if text := scrape(t, m); strings.Contains(text, "yard") {
		t.Errorf("yard has left, and there is:\n%s", text)
	}
}

// A clip without a regularity is in no histogram of it.
func TestNoRegularity(t *testing.T) {
	m := New()
	m.Read(Sources{Cameras: func() []pipeline.Stats {
		return []pipeline.Stats{{Camera: "gate", State: alerts.StateUncalibrated}}
	}})
	c := clip("gate")
	c.Regularity = math.NaN()
	m.OnClip(c)
	text := scrape(t, m)
	if strings.Contains(text, "NaN") || strings.Contains(text, "vigil_camera_regularity{") ||
		!strings.Contains(text, `vigil_clip_regularity_count{camera="gate"} 0`) ||
		!strings.Contains(text, `vigil_camera_error{camera="gate"} 0.01`) {
		t.Errorf("there is:\n%s", text)
	}
}

// Only codes of the catalogue are labels, so that no text of an error becomes one.
func TestLogMessages(t *testing.T) {
	m := New()
	var out strings.Builder
	log := slog.New(errcode.Handler(m.LogHandler(slog.NewTextHandler(&out, nil)))).With("camera", "gate")
	log.Error("failed", "error", errcode.StoreFull.New("XYZZY"))
	log.Error("failed", errcode.Key, errcode.CameraFrozen)
	log.Error("failed", errcode.Key, "XYZZY")
	log.Warn("odd", "error", errors.New("XYZZY"))
	log.Info("fine", errcode.Key, errcode.CameraFrozen)
	text := scrape(t, m)
	for _, want := range []string{
		`{code="store.full",level="error"} 1`, `{code="camera.frozen",level="error"} 1`,
		`{code="none",level="error"} 1`, `{code="none",level="warn"} 1`,
	} {
		if !strings.Contains(text, "vigil_log_messages_total"+want) {
			t.Errorf("%s is missing", want)
		}
	}
	if strings.Contains(text, "XYZZY") || strings.Count(text, "\nvigil_log_messages_total") != 4 {
		t.Errorf("there is:\n%s", text)
	}
	if strings.Count(out.String(), "camera=gate") != 5 {
		t.Errorf("logged:\n%s", out.String())
	}
}

// States has every state that alerts declares.
func TestStates(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", "alerts", "score.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var declared []string
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || len(v.Values) != 1 {
			return true
		}
		kind, _ := v.Type.(*ast.Ident)
		text, _ := v.Values[0].(*ast.BasicLit)
		if kind != nil && kind.Name == "State" && text != nil {
			declared = append(declared, strings.Trim(text.Value, `"`))
		}
		return true
	})
	var listed []string
	for _, s := range States {
		listed = append(listed, string(s))
	}
	slices.Sort(declared)
	slices.Sort(listed)
	if len(declared) < 10 || !slices.Equal(declared, listed) {
		t.Errorf("alerts declares %v, States has %v", declared, listed)
	}
}

// A clip costs no allocation.
func TestOnClipAllocatesNothing(t *testing.T) {
	m, c := New(), clip("gate")
	m.OnClip(c)
	if n := testing.AllocsPerRun(1000, func() { m.OnClip(c) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkOnClip(b *testing.B) {
	m, c := New(), clip("gate")
	b.ReportAllocs()
	for b.Loop() {
		m.OnClip(c)
	}
}

func BenchmarkScrape(b *testing.B) {
	m := New()
	var stats []pipeline.Stats
	for i := range 64 {
		s := pipeline.Stats{Camera: "camera-" + string(rune('a'+i%26)) + string(rune('a'+i/26))}
		stats = append(stats, s)
		m.OnClip(clip(s.Camera))
	}
	m.Read(Sources{Cameras: func() []pipeline.Stats { return stats }})
	h := m.Handler(slog.New(slog.DiscardHandler))
	for b.Loop() {
		h.ServeHTTP(&discard{http.Header{}}, httptest.NewRequestWithContext(b.Context(), http.MethodGet,
			"/metrics", nil))
	}
}

type discard struct{ h http.Header }

func (d *discard) Header() http.Header         { return d.h }
func (d *discard) Write(p []byte) (int, error) { return io.Discard.Write(p) }
func (d *discard) WriteHeader(int)             {}

// The page's table is that of the code.
func TestPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	want := Markdown()
	if !strings.Contains(string(page), want) {
		t.Errorf("docs/metrics.md does not have this table:\n%s", want)
	}
}
