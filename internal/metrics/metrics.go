// Package metrics makes numbers of a running system for Prometheus.
//
// Most are read at a scrape from counters that exist anyway: those of the pipeline, the outbox and the evidence. Only
// histograms are observed as things happen, by OnClip, OnAlert and OnDelivered. The invariants: labels have values of
// closed sets (cameras of the configuration, sinks, states, reasons, error codes, keys); a camera that leaves takes its
// series with it; nothing that a person wrote, such as an address or an error's text, is a label.
package metrics

import (
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"vigil/alerts"
	"vigil/internal/errcode"
	"vigil/internal/version"
	"vigil/pipeline"
)

// Reloads are counts of reloads of the configuration.
type Reloads struct {
	OK, Failed uint64
	Last       time.Time // zero if there was none
	LastOK     bool      // the latest one succeeded
	InForce    time.Time // when the configuration in force was read
	Restart    []string  // keys that have changed and need a restart
}

// Streams are counts of the streams of the API.
type Streams struct {
	Open             int    // now
	Dropped, Refused uint64 // those that were too slow, and those beyond the limits
}

// Sources are read at each scrape. One that is nil is left out.
type Sources struct {
	Cameras func() []pipeline.Stats
	Alerts  func() Alerts
	Reloads func() Reloads
	// Refused are the requests that were refused, by the code of the error.
	Refused func() map[errcode.Code]uint64
	Streams func() Streams
}

// Metrics are the numbers of one running system.
type Metrics struct {
	registry *prometheus.Registry
	clips    *clips
	log      *prometheus.CounterVec
	sources  atomic.Pointer[Sources]
}

// New returns metrics without sources.
func New() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(), clips: newClips(),
		log: prometheus.NewCounterVec(prometheus.CounterOpts{Name: logMessages.Name, Help: logMessages.Help},
			logMessages.Labels),
	}
	m.registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.log, collector{m})
	return m
}

// Read sets what is read at each scrape from now on.
func (m *Metrics) Read(s Sources) { m.sources.Store(&s) }

// maxScrapes is how many scrapes may run at a time; others are refused.
const maxScrapes = 4

// Handler serves the metrics in the formats of Prometheus.
func (m *Metrics) Handler(log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		MaxRequestsInFlight: maxScrapes, ErrorLog: errorLog{log}, ErrorHandling: promhttp.ContinueOnError,
	})
}

// errorLog logs errors of the client library.
type errorLog struct{ log *slog.Logger }

func (e errorLog) Println(v ...any) { e.log.Debug("metrics", "error", v) }

// collector reads the sources.
type collector struct{ m *Metrics }

// Describe sends every description: a name twice is a panic at the start and not an error at each scrape.
func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range cameraMetrics {
		ch <- m.described
	}
	for _, m := range alertMetrics {
		ch <- m.described
	}
	for _, m := range programMetrics {
		ch <- m.described
	}
	c.m.clips.describe(ch)
}

// Collect reads all sources once.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	s := c.m.sources.Load()
	if s == nil {
		s = &Sources{}
	}
	if s.Cameras != nil {
		there := map[string]alerts.State{}
		for _, camera := range s.Cameras() {
			there[camera.Camera] = camera.State
			c.m.clips.of(camera.Camera)
			for i := range cameraMetrics {
				cameraMetrics[i].collect(&camera, ch)
			}
		}
		c.m.clips.keep(there)
	}
	c.m.clips.collect(ch)
	if s.Alerts != nil {
		a := s.Alerts()
		a.now = time.Now()
		for i := range alertMetrics {
			alertMetrics[i].collect(&a, ch)
		}
	}
	for i := range programMetrics {
		programMetrics[i].collect(s, ch)
	}
}

// build describes this binary.
var build = sync.OnceValue(version.Of)

// programMetrics are read from the rest.
var programMetrics = table(
	gauge("build_info", "1; the labels say which build of vigil runs, and with which instruction set.",
		func(_ *Sources, send func(float64, ...string)) {
			v := build()
			send(1, v.Version, v.Commit, v.Go, v.Platform, v.ISA)
		}, "version", "commit", "go", "platform", "isa"),
	counter("config_reloads_total",
		"Reloads of the configuration, ok or failed; after a failed one the old one goes on.",
		func(s *Sources, send func(float64, ...string)) {
			if s.Reloads != nil {
				r := s.Reloads()
				send(float64(r.OK), "ok")
				send(float64(r.Failed), "failed")
			}
		}, "result"),
	gauge("config_last_reload_successful", "1 if the latest reload of the configuration succeeded, or there was none.",
		func(s *Sources, send func(float64, ...string)) {
			if s.Reloads != nil {
				r := s.Reloads()
				send(oneIf(r.LastOK || r.Last.IsZero()))
			}
		}),
	gauge("config_last_reload_timestamp_seconds", "When the configuration was last reloaded, as a Unix time.",
		func(s *Sources, send func(float64, ...string)) {
			if s.Reloads != nil {
				if r := s.Reloads(); !r.Last.IsZero() {
					send(unix(r.Last))
				}
			}
		}),
	gauge("config_last_success_timestamp_seconds",
		"When the configuration in force was read: at the last reload that succeeded, or at the start. A Unix time.",
		func(s *Sources, send func(float64, ...string)) {
			if s.Reloads != nil {
				send(unix(s.Reloads().InForce))
			}
		}),
	counter("http_refused_total",
		"Requests that were refused for their login, role, camera, origin or limits, by the code of the error.",
		func(s *Sources, send func(float64, ...string)) {
			if s.Refused != nil {
				for code, n := range s.Refused() {
					send(float64(n), string(code))
				}
			}
		}, "code"),
	gauge("config_restart_needed",
		"1 for each key of the configuration that has changed since the start and needs a restart.",
		func(s *Sources, send func(float64, ...string)) {
			if s.Reloads != nil {
				for _, key := range s.Reloads().Restart {
					send(1, key)
				}
			}
		}, "key"),
	gauge("api_streams", "Streams of events that clients of the API have open.",
		func(s *Sources, send func(float64, ...string)) {
			if s.Streams != nil {
				send(float64(s.Streams().Open))
			}
		}),
	counter("api_streams_dropped_total", "Streams that were ended because their clients were too slow.",
		func(s *Sources, send func(float64, ...string)) {
			if s.Streams != nil {
				send(float64(s.Streams().Dropped))
			}
		}),
	counter("api_streams_refused_total", "Streams that were refused because there were too many.",
		func(s *Sources, send func(float64, ...string)) {
			if s.Streams != nil {
				send(float64(s.Streams().Refused))
			}
		}),
)

func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
