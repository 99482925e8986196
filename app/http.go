package app

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"net/http/pprof"
	"slices"
	"sync"
	"time"

	"vigil/alerts"
	"vigil/alerts/archive"
	"vigil/alerts/outbox"
	natssink "vigil/alerts/sink/nats"
	"vigil/api"
	"vigil/api/access"
	"vigil/config"
	"vigil/internal/errcode"
	"vigil/internal/health"
	"vigil/internal/listener"
	"vigil/internal/metrics"
	"vigil/pipeline"
)

const (
	// httpCloseLimit is how long responses in progress may delay the stop.
	httpCloseLimit = 500 * time.Millisecond
	// pprofLimit bounds the recording of a profile.
	pprofLimit = 2 * time.Minute
)

// httpServices serve metrics, health and profiles of a running system, and tell systemd how it is.
type httpServices struct {
	health  *health.Health
	mux     *access.Mux // of http.listen and of the Unix socket
	servers []*listener.Server
	log     *slog.Logger
}

// openHTTP starts the services. An address that cannot be used is logged, and the cameras go on.
func openHTTP(cfg config.HTTP, m *metrics.Metrics, s *system, who *accessPoint, log *slog.Logger) *httpServices {
	m.Read(metrics.Sources{
		Refused: who.guard.Refused,
		Cameras: s.stats, Alerts: s.alertNumbers, Reloads: func() metrics.Reloads {
			r := s.Reloads()
			return metrics.Reloads{
				OK: r.Applied, Failed: r.Failed, Last: r.At, LastOK: r.Err == nil, InForce: r.InForce,
				Restart: r.Restart,
			}
		}, Streams: func() metrics.Streams { return metrics.Streams(s.monitor.live.Stats()) },
	})
	h := &httpServices{log: log, health: health.NewHealth(health.Sources{
		Cameras: s.stats, Outbox: func() outbox.Stats { return s.sinks.Stats() }, Connected: s.sinks.connected,
		Config: s.configRemarks,
	}, log)}
	h.mux = h.routes(s, who.guard, m.Handler(log))
	h.listen("http.listen", listener.Options{Address: cfg.Listen, Handler: h.mux, Guarded: true, TLS: who.tls})
	if len(h.servers) > 0 {
		who.url = h.servers[0].URL()
	}
	h.listen("http.pprof", listener.Options{Address: cfg.Pprof, Handler: profiles(), WriteTimeout: pprofLimit})
	return h
}

// routes are those of http.listen and of the Unix socket, each with what it needs. Metrics and readiness name every
// camera.
func (h *httpServices) routes(s *system, guard *access.Guard, numbers http.Handler) *access.Mux {
	mux := access.NewMux(guard)
	guard.AddRoutes(mux)
	mux.Handle("GET /{$}", access.Public, http.HandlerFunc(api.Front))
	mux.Handle("GET /metrics", access.View, numbers)
	mux.Handle("GET /healthz", access.Public, h.health.AliveHandler())
	mux.Handle("GET /readyz", access.View, h.health.ReadyHandler())
	stored := archive.New(s.sinks.Conn())
	api.AddRoutes(mux, &apiSystem{s, h.health, stored, archive.NewIndex(stored), newSnapshots()})
	return mux
}

// listen serves a handler on an address of the configuration.
func (h *httpServices) listen(key string, o listener.Options) {
	if o.Address == config.Off {
		return
	}
	o.Log = h.log
	s, err := listener.Open(o)
	if err != nil {
		h.log.Error("ALARM: the HTTP address cannot be used; the cameras are watched, but nothing is served there",
			"key", key, "error", errcode.ServerNoHTTP.Default(err),
			"remedy", "find the program there (ss -ltnp), or set "+key+
				" to another port or to off; then start vigil again")
		return
	}
	h.log.Info("HTTP listens", "key", key, "url", s.URL())
	h.servers = append(h.servers, s)
}

// close stops listening, and tells systemd that the program stops.
func (h *httpServices) close() {
	ctx, cancel := context.WithTimeout(context.Background(), httpCloseLimit)
	defer cancel()
	var closing sync.WaitGroup
	for _, s := range h.servers {
		closing.Go(func() {
			if err := s.Close(ctx); err != nil {
				h.log.Debug("HTTP not closed properly", "error", err)
			}
		})
	}
	closing.Wait()
	h.health.Close()
	if len(h.servers) > 0 {
		h.log.Debug("HTTP closed")
	}
}

// stats are the counters of the configured cameras. A paused camera, which is not in the engine, has those of before.
func (s *system) stats() []pipeline.Stats {
	all := s.engine.Stats()
	for _, c := range s.watched() {
		name := c.config.Name
		if slices.ContainsFunc(all, func(s pipeline.Stats) bool { return s.Camera == name }) ||
			!s.switches.get(name).Paused {
			continue
		}
		all = append(all, s.monitor.pausedStats(name))
	}
	for _, c := range s.failedMade() {
		if !slices.ContainsFunc(all, func(s pipeline.Stats) bool { return s.Camera == c.Name }) {
			all = append(all, pipeline.Stats{Camera: c.Name, State: c.State})
		}
	}
	return all
}

// configRemarks are what /readyz tells of the configuration. It does not make vigil unready: what is configured and in
// force works. The error itself may quote the configuration, and is only shown to the user that vigil runs as.
func (s *system) configRemarks() []health.Item {
	var all []health.Item
	r := s.Reloads()
	if r.Err != nil {
		at := r.At.UTC()
		all = append(all, health.Item{
			Kind: health.KindConfig, Name: "file", State: health.ConfigNotInForce, Since: &at,
			Code: string(errcode.Of(errcode.ConfigReload.Default(r.Err))),
			Detail: "the latest change of the configuration is not in force, the one before goes on; " +
				"'vigil status' says why",
		})
	}
	for _, key := range r.Restart {
		all = append(all, health.Item{
			Kind: health.KindConfig, Name: key, State: health.ConfigNeedsRestart, Code: string(errcode.ConfigRestart),
		})
	}
	if s.store == nil && s.file != "" {
		all = append(all, health.Item{
			Kind: health.KindConfig, Name: "cameras", State: health.ConfigUnreadable,
			Code:   string(errcode.StoreCameras),
			Detail: "the cameras that were made at run time could not be read at the start and are not monitored",
		})
	}
	for _, c := range s.failedMade() {
		if c.Code == string(errcode.CameraTwice) {
			all = append(all, health.Item{
				Kind: health.KindConfig, Name: c.Name, State: health.ConfigTwice, Code: c.Code,
				Detail: "the configuration file has a camera of the name of one that was made at run time; the " +
					"file's is monitored",
			})
		}
	}
	return all
}

// pausedStats are a paused camera's counters of before, in the state paused.
func (m *monitor) pausedStats(camera string) pipeline.Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	o := m.of(camera)
	stats := o.last
	stats.Camera, stats.State, stats.Since, stats.Scales = camera, alerts.StatePaused, o.status.Wall, nil
	stats.States = maps.Clone(stats.States)
	if stats.States == nil {
		stats.States = map[alerts.State]uint64{}
	}
	stats.States[alerts.StatePaused] = o.pauses
	return stats
}

// profiles serves profiles of this program as go tool pprof reads them.
func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// alertNumbers are the metrics of alerts and evidence.
func (s *system) alertNumbers() metrics.Alerts {
	a := s.sinks.numbers()
	a.Unsent = a.Unsent.Add(s.engine.Unsent())
	return a
}

// numbers are the metrics of alerts and evidence.
func (d *Sinks) numbers() metrics.Alerts {
	a := metrics.Alerts{Outbox: d.Stats(), Connected: d.connected()}
	a.Usage, _ = d.Server().Usage()
	a.Unsent = d.Conn().Unsent()
	if d.remote != nil {
		a.Unsent = a.Unsent.Add(d.remote.Unsent())
	}
	if d.mqtt != nil {
		a.CommandsIgnored = map[string]uint64{d.mqtt.Name(): d.mqtt.CommandsIgnored()}
	}
	if d.maker == nil {
		return a
	}
	e := &metrics.Evidence{Stats: d.maker.Stats(), Damaged: len(d.objects.Damaged())}
	e.Objects, e.Bytes = d.objects.Size()
	if d.copier != nil {
		e.CopyFailures = d.copier.Failures()
	}
	a.Evidence = e
	return a
}

// connected says of each sink with a connection of its own whether it is up.
func (d *Sinks) connected() map[string]bool {
	up := map[string]bool{}
	if d.remote != nil {
		up[natssink.Sink{}.Name()] = d.remote.Connected()
	}
	if d.mqtt != nil {
		up[d.mqtt.Name()] = d.mqtt.Connected() == nil
	}
	return up
}
