package pipeline

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"vigil/alerts"
	"vigil/alerts/thread"
	"vigil/internal/errcode"
)

// health is a camera's state, its reason and its start. A change is published, counted and logged once; a state that
// repeats for the same reason while a source is retried is only counted.
//
// A source that delivers pictures is live, unless a note gives a reason why the camera is still not monitored.
type health struct {
	camera  string
	log     *slog.Logger
	publish *thread.Queue

	mu           sync.Mutex
	source       alerts.State            // state of the source
	notes        map[alerts.State]string // reasons why the camera is not monitored while the source is live
	state        alerts.State            // result of the two
	reason       string
	since        time.Time
	counts       map[alerts.State]uint64
	lastLogged   map[alerts.State]string // reason that was logged last for a state, until the camera is live again
	attempts     int                     // failures since the source was live
	failingSince time.Time

	failure errcode.Code // of the source's latest error
	// remark is the detail of a live camera that lacks something, and remarkCode its code; "" for none.
	remark     string
	remarkCode errcode.Code
}

// stateCodes are the codes of the states that are not an error.
var stateCodes = map[alerts.State]errcode.Code{
	alerts.StateStalled: errcode.CameraNoPicture, alerts.StateFrozen: errcode.CameraFrozen,
	alerts.StateSizeMismatch: errcode.CameraSizeMismatch, alerts.StateRateMismatch: errcode.CameraRateMismatch,
	alerts.StateUntrusted: errcode.CameraUntrusted, alerts.StateUncalibrated: errcode.CalibrationMismatch,
	alerts.StateNoClips: errcode.CameraNoClips, alerts.StateUnscorable: errcode.CameraUnscorable,
	alerts.StatePausedOverload: errcode.CameraOverloaded,
}

// code returns the state's code; empty for a state that needs no action.
func (h *health) code() errcode.Code {
	if h.state == alerts.StateFailing || h.state == alerts.StateFailed {
		return h.failure
	}
	if h.state == alerts.StateLive && h.remark != "" {
		return h.remarkCode
	}
	return stateCodes[h.state]
}

// notable are the states that notes can have, by priority.
var notable = []alerts.State{
	alerts.StatePausedOverload, alerts.StateNoClips, alerts.StateUnscorable, alerts.StateUntrusted,
	alerts.StateUncalibrated,
	alerts.StateSizeMismatch, alerts.StateRateMismatch, alerts.StateDetectionOff,
	alerts.StateSnoozed, alerts.StateDisarmed,
}

// set sets the state of the source. The reason is shown to people, so it must not contain credentials.
func (h *health) set(state alerts.State, why string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if state == h.source && state != alerts.StateFailing {
		return
	}
	h.source = state
	h.update(why)
}

// fail is set for a state that an error caused.
func (h *health) fail(state alerts.State, err error) {
	h.mu.Lock()
	h.failure = cmp.Or(errcode.Of(err), errcode.CameraFailed)
	h.mu.Unlock()
	h.set(state, err.Error())
}

// setNote sets the reason why the camera is not monitored although its source is live, for one of the notable states;
// "" clears it.
func (h *health) setNote(state alerts.State, why string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.notes[state] == why {
		return
	}
	if h.notes == nil {
		h.notes = map[alerts.State]string{}
	}
	if h.notes[state] = why; why == "" {
		delete(h.notes, state)
		delete(h.lastLogged, state)
	}
	if h.source == alerts.StateLive {
		h.update("")
	}
}

// setRemark replaces the remark.
func (h *health) setRemark(text string, code errcode.Code) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.remark == text {
		return
	}
	h.remark, h.remarkCode = text, code
	if h.source == alerts.StateLive {
		h.update("")
	}
}

// hasNote reports whether a state has a note.
func (h *health) hasNote(state alerts.State) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.notes[state] != ""
}

// update derives the state from the source's state and the notes, and publishes it if it has changed. why is the
// source's reason.
func (h *health) update(why string) {
	state := h.source
	if state == alerts.StateLive {
		why = h.remark
		for _, s := range notable {
			if h.notes[s] != "" {
				state, why = s, h.notes[s]
				break
			}
		}
	}
	if state == h.state && why == h.reason && state != alerts.StateFailing {
		return
	}
	before, since, now := h.state, h.since, time.Now()
	if h.counts == nil {
		h.counts = map[alerts.State]uint64{}
	}
	if state != before || state == alerts.StateFailing {
		h.since = now
		h.counts[state]++
	}
	h.state, h.reason = state, why
	h.publish.SendStatus(alerts.Status{
		Camera: h.camera, State: state, Wall: h.since, Detail: why,
		Count: h.counts[state], Code: string(h.code()),
	})
	h.logChange(before, now.Sub(since))
}

// logChange logs the new state; lasted is how long the camera was in the state before.
func (h *health) logChange(before alerts.State, lasted time.Duration) {
	if h.source == alerts.StateLive && h.attempts > 0 {
		h.log.Info("camera delivers pictures again", "after", time.Since(h.failingSince).Round(time.Millisecond),
			"failures",
			h.attempts, "state", h.state)
		h.attempts = 0
		delete(h.lastLogged, alerts.StateFailing)
		// Pauses are logged once, for all cameras.
	} else if h.state == alerts.StateLive && before != alerts.StateConnecting && before != alerts.StatePausedOverload {
		h.log.Info("camera is live again", "was", before, "after", lasted.Round(time.Millisecond))
	}
	if h.state == alerts.StateFailing {
		if h.attempts == 0 {
			h.failingSince = h.since
		}
		h.attempts++
		if h.lastLogged[h.state] == h.reason {
			h.log.Debug("camera failed", "error", h.reason, "failures", h.attempts)
			return
		}
	}
	switch h.state {
	case alerts.StateFailing:
		h.log.Warn("camera failed, opening it again", "error", h.reason, "failures", h.attempts,
			errcode.Key, cmp.Or(h.code(), errcode.CameraFailed))
	case alerts.StateStalled, alerts.StateFrozen:
		h.log.Warn("camera delivers no new picture", "state", h.state, "detail", h.reason,
			errcode.Key, cmp.Or(h.code(), errcode.CameraFailed))
	case alerts.StateDisarmed:
		h.log.Log(context.Background(), h.level(slog.LevelInfo), "camera is disarmed, no event is opened", "state",
			h.state, "detail", h.reason)
	case alerts.StateSnoozed, alerts.StateDetectionOff:
		h.log.Log(context.Background(), h.level(slog.LevelInfo), "camera is scored, no event is opened", "state",
			h.state, "detail", h.reason)
	case alerts.StateUncalibrated, alerts.StateSizeMismatch, alerts.StateRateMismatch:
		h.log.Log(context.Background(), h.level(slog.LevelWarn),
			"the calibration does not fit, alerts are held until it does",
			"state", h.state, "detail", h.reason, errcode.Key, cmp.Or(h.code(), errcode.CameraFailed))
	case alerts.StateUntrusted:
		h.log.Warn("camera cannot be trusted, alerts of events are held until it can", "state", h.state,
			"detail", h.reason, errcode.Key, cmp.Or(h.code(), errcode.CameraUntrusted))
	case alerts.StateNoClips, alerts.StateUnscorable:
		h.log.Log(context.Background(), h.level(slog.LevelWarn), "camera delivers pictures but is not monitored",
			"state",
			h.state, "detail", h.reason, errcode.Key, cmp.Or(h.code(), errcode.CameraFailed))
	}
	if h.lastLogged == nil {
		h.lastLogged = map[alerts.State]string{}
	}
	h.lastLogged[h.state] = h.reason
}

// level is the level for a note in the log: debug if the same state and reason were logged before.
func (h *health) level(first slog.Level) slog.Level {
	if h.lastLogged[h.state] == h.reason {
		return slog.LevelDebug
	}
	return first
}

// is reports whether the camera is in a state.
func (h *health) is(state alerts.State) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state == state
}

// snapshot returns the state, its start, and how often each state was entered.
func (h *health) snapshot() (state alerts.State, since time.Time, counts map[alerts.State]uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	counts = make(map[alerts.State]uint64, len(h.counts))
	maps.Copy(counts, h.counts)
	return h.state, h.since, counts
}
