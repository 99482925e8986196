package metrics

import (
	"time"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/evidence"
	"vigil/alerts/outbox"
)

// Alerts is what happened to alerts and their evidence so far, and where they are.
type Alerts struct {
	Outbox outbox.Stats
	Usage  broker.Usage // zero if unknown
	// Connected says of each sink with a connection of its own whether it is up.
	Connected map[string]bool
	// Unsent are scores and states that no subscriber could get.
	Unsent alerts.Unsent
	// CommandsIgnored counts the ignored commands of each sink that takes commands.
	CommandsIgnored map[string]uint64
	// Evidence is nil without evidence.
	Evidence *Evidence

	now time.Time
}

// Evidence is what is stored of evidence, and what is missing.
type Evidence struct {
	evidence.Stats
	Objects      int
	Bytes        int64
	Damaged      int    // objects that were incomplete at the start
	CopyFailures uint64 // to another NATS server
}

// alertCount is a counter without labels.
func alertCount(name, help string, of func(*Alerts) uint64) metric[*Alerts] {
	return counter(name, help, func(a *Alerts, send func(float64, ...string)) { send(float64(of(a))) })
}

// alertGauge is a gauge without labels.
func alertGauge(name, help string, of func(*Alerts) float64) metric[*Alerts] {
	return gauge(name, help, func(a *Alerts, send func(float64, ...string)) { send(of(a)) })
}

// bySink reads a value of each sink.
func bySink(of func(*Alerts, outbox.SinkStats) float64) func(*Alerts, func(float64, ...string)) {
	return func(a *Alerts, send func(float64, ...string)) {
		for _, s := range a.Outbox.Sinks {
			send(of(a, s), s.Name)
		}
	}
}

// evidenceMetric is a metric without labels that is left out without evidence.
func evidenceMetric(make func(string, string, func(*Alerts, func(float64, ...string)), ...string) metric[*Alerts],
	name, help string, of func(*Evidence) float64,
) metric[*Alerts] {
	return make(name, help, func(a *Alerts, send func(float64, ...string)) {
		if a.Evidence != nil {
			send(of(a.Evidence))
		}
	})
}

// alertMetrics are read from the outbox, the sinks and the evidence.
var alertMetrics = table(
	alertCount("outbox_stored_total", "Messages of alerts stored on this machine.",
		func(a *Alerts) uint64 { return a.Outbox.Stored }),
	alertGauge("outbox_messages", "Messages in the outbox, delivered ones included.",
		func(a *Alerts) float64 { return float64(a.Outbox.Messages) }),
	alertGauge("outbox_bytes", "Size of the outbox.", func(a *Alerts) float64 { return float64(a.Outbox.Bytes) }),
	alertGauge("outbox_failing", "1 while alerts cannot be stored, as on a full disk.",
		func(a *Alerts) float64 { return oneIf(!a.Outbox.FailingSince.IsZero()) }),
	alertGauge("outbox_unstored_messages", "Messages that wait in memory because they could not be stored yet.",
		func(a *Alerts) float64 { return float64(a.Outbox.Waiting) }),
	alertGauge("outbox_missing_messages", "Messages that are missing from the store.",
		func(a *Alerts) float64 { return float64(a.Outbox.Missing) }),
	alertCount("outbox_unreadable_total", "Stored messages that could not be read and were skipped.",
		func(a *Alerts) uint64 { return a.Outbox.Unreadable }),
	alertCount("outbox_foreign_total", "Messages that this vigil did not store and does not deliver, for each sink.",
		func(a *Alerts) uint64 { return a.Outbox.NotOurs }),
	alertGauge("outbox_set_aside_messages", "Messages that a sink refused and that are set aside now.",
		func(a *Alerts) float64 { return float64(a.Outbox.SetAside) }),
	alertCount("outbox_set_aside_total", "Messages that a sink refused and that were set aside.",
		func(a *Alerts) uint64 { return a.Outbox.SetAsideTotal }),
	alertCount("outbox_set_aside_deleted_total", "Messages set aside that were deleted because there were too many.",
		func(a *Alerts) uint64 { return a.Outbox.AsideDeleted }),
	gauge("sink_waiting_messages", "Messages that a sink has not acknowledged.",
		bySink(func(_ *Alerts, s outbox.SinkStats) float64 { return float64(s.Waiting) }), "sink"),
	gauge("sink_oldest_waiting_seconds", "Age of the oldest message that a sink has not acknowledged; 0 for none.",
		bySink(func(a *Alerts, s outbox.SinkStats) float64 {
			if s.Oldest.IsZero() {
				return 0
			}
			return max(0, a.now.Sub(s.Oldest).Seconds())
		}), "sink"),
	gauge("sink_failing", "1 while the latest attempt to deliver to a sink failed, for at least one camera.",
		bySink(func(_ *Alerts, s outbox.SinkStats) float64 { return oneIf(s.Failing) }), "sink"),
	gauge("sink_connected", "1 while a sink with a connection of its own (nats, mqtt) is connected.",
		func(a *Alerts, send func(float64, ...string)) {
			for sink, up := range a.Connected {
				send(oneIf(up), sink)
			}
		}, "sink"),
	counter("sink_delivered_total", "Messages that a sink has acknowledged.",
		bySink(func(_ *Alerts, s outbox.SinkStats) float64 { return float64(s.Delivered) }), "sink"),
	counter("sink_failures_total", "Attempts to deliver a message that failed.",
		bySink(func(_ *Alerts, s outbox.SinkStats) float64 { return float64(s.Failures) }), "sink"),
	counter("sink_commands_ignored_total",
		"Commands to switch cameras that were ignored: not valid, retained, or too many.",
		func(a *Alerts, send func(float64, ...string)) {
			for sink, n := range a.CommandsIgnored {
				send(float64(n), sink)
			}
		}, "sink"),
	counter("live_messages_unsent_total",
		"Scores and states that were not sent to subscribers of a NATS server: too many "+
			"waited, or it was not connected.",
		func(a *Alerts, send func(float64, ...string)) {
			send(float64(a.Unsent.Scores), "score")
			send(float64(a.Unsent.States), "state")
		}, "kind"),
	evidenceMetric(gauge, "evidence_objects", "Pictures and clips stored as evidence.",
		func(e *Evidence) float64 { return float64(e.Objects) }),
	evidenceMetric(gauge, "evidence_bytes", "Size of the stored evidence.",
		func(e *Evidence) float64 { return float64(e.Bytes) }),
	evidenceMetric(gauge, "evidence_damaged_objects", "Pieces of evidence that were incomplete at the start.",
		func(e *Evidence) float64 { return float64(e.Damaged) }),
	evidenceMetric(counter, "evidence_stored_total", "Pieces of evidence stored.",
		func(e *Evidence) float64 { return float64(e.Stored) }),
	evidenceMetric(counter, "evidence_stored_bytes_total", "Size of the evidence stored so far.",
		func(e *Evidence) float64 { return float64(e.Stats.Bytes) }),
	counter("evidence_lost_total", "Pieces of evidence that could not be made or stored.",
		func(a *Alerts, send func(float64, ...string)) {
			if a.Evidence == nil {
				return
			}
			for reason, n := range a.Evidence.Lost {
				send(float64(n), reason.String())
			}
		}, "reason"),
	evidenceMetric(counter, "evidence_copy_failures_total", "Failures to copy evidence to the NATS server.",
		func(e *Evidence) float64 { return float64(e.CopyFailures) }),
	gauge("store_used_bytes", "What all streams of the embedded server take on the disk.",
		func(a *Alerts, send func(float64, ...string)) {
			if a.Usage.Limit > 0 {
				send(float64(a.Usage.Used))
			}
		}),
	gauge("store_limit_bytes", "What all streams of the embedded server may take on the disk.",
		func(a *Alerts, send func(float64, ...string)) {
			if a.Usage.Limit > 0 {
				send(float64(a.Usage.Limit))
			}
		}),
	alertGauge("store_disk_free_bytes", "Free space on the disk of data_dir.",
		func(a *Alerts) float64 { return float64(a.Outbox.FreeBytes) }),
	alertCount("store_restarts_total", "Restarts of the embedded server after it could not write.",
		func(a *Alerts) uint64 { return a.Outbox.Restarts }),
)
