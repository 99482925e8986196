package health

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"vigil/alerts"
)

// NewHealth starts to watch a system, and tells systemd that it is ready if systemd started it. As long as the
// scheduler moves it also resets systemd's watchdog, if the unit has one. A store that cannot be written does not stop
// that: a restart frees no disk, and would lose the alerts that wait in memory.
func NewHealth(s Sources, log *slog.Logger) *Health {
	watchdog, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Debug("systemd's watchdog", "error", err)
	}
	return start(s, watchdog, func(state string) {
		if _, err := daemon.SdNotify(false, state); err != nil {
			log.Debug("systemd is not notified", "error", err)
		}
	})
}

// start is NewHealth with a way to send messages; watchdog is systemd's limit, 0 for none.
func start(s Sources, watchdog time.Duration, notify func(string)) *Health {
	h := &Health{sources: s, notify: notify, stop: make(chan struct{})}
	h.check(time.Now())
	h.notify(daemon.SdNotifyReady)
	h.sendStatus()
	every := interval
	if watchdog > 0 {
		every = min(every, watchdog/3)
	}
	h.work.Go(func() { h.run(every, watchdog > 0) })
	return h
}

func (h *Health) run(every time.Duration, watchdog bool) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-h.stop:
			return
		case <-tick.C:
		}
		h.check(time.Now())
		if watchdog && h.schedulerMoves(time.Now()) {
			h.notify(daemon.SdNotifyWatchdog)
		}
		h.sendStatus()
	}
}

// sendStatus sends a line for systemctl status, if it has changed.
func (h *Health) sendStatus() {
	all, live := 0, 0
	for _, s := range h.sources.Cameras() {
		all++
		if s.State == alerts.StateLive {
			live++
		}
	}
	waiting := 0
	out := h.sources.Outbox()
	for _, s := range out.Sinks {
		waiting += s.Waiting
	}
	status := fmt.Sprintf("%d of %d cameras live, %d messages wait for sinks", live, all, waiting)
	if !out.FailingSince.IsZero() {
		status += ", ALARM: alerts cannot be stored"
	}
	if status != h.status {
		h.status = status
		h.notify("STATUS=" + status)
	}
}

// Close tells systemd that the program stops, and ends the watching.
func (h *Health) Close() {
	h.notify(daemon.SdNotifyStopping)
	close(h.stop)
	h.work.Wait()
}
