package metrics

import (
	"math"

	"vigil/alerts"
	"vigil/pipeline"
)

// States are the states of a camera, the values of the label state.
var States = []alerts.State{
	alerts.StateConnecting, alerts.StateLive, alerts.StateStalled, alerts.StateFrozen, alerts.StateFailing,
	alerts.StateRateMismatch, alerts.StateSizeMismatch, alerts.StateUncalibrated, alerts.StateUntrusted,
	alerts.StateNoClips,
	alerts.StateUnscorable, alerts.StateDisarmed, alerts.StateSnoozed, alerts.StateDetectionOff, alerts.StatePaused,
	alerts.StatePausedOverload, alerts.StateEnded, alerts.StateFailed,
	alerts.StateStopped,
}

// count is a counter of a camera's Stats.
func count(name, help string, of func(*pipeline.Stats) uint64) metric[*pipeline.Stats] {
	return counter("camera_"+name, help, func(s *pipeline.Stats, send func(float64, ...string)) {
		send(float64(of(s)), s.Camera)
	}, "camera")
}

// cameraMetrics are read from each camera's Stats.
var cameraMetrics = table(
	count("frames_total", "Frames read.", func(s *pipeline.Stats) uint64 { return s.Frames }),
	count("frames_missing_total", "Frames that the source left out: too many for the pipe of the camera's process, or "+
		"lacking in a folder.", func(s *pipeline.Stats) uint64 { return s.Missing }),
	count("decode_errors_total",
		"Damaged frames, or predicted from such, that were left out, and packets of video that "+
			"gave no frame.", func(s *pipeline.Stats) uint64 { return s.DecodeErrors }),
	count("frames_unused_total", "Frames that the sampler skipped, because the model sees fewer a second.",
		func(s *pipeline.Stats) uint64 { return s.Unused }),
	count("frames_lost_total", "Frames that came into no clip because of a gap, a failure or the end.",
		func(s *pipeline.Stats) uint64 { return s.Lost }),
	count("frames_repaired_total", "Damaged frames that were replaced by their neighbours.",
		func(s *pipeline.Stats) uint64 { return s.Repaired }),
	count("gaps_total", "Gaps between frames, without those of a failure of the source.",
		func(s *pipeline.Stats) uint64 { return s.Gaps }),
	count("openings_total", "Openings of the source, the first one included.",
		func(s *pipeline.Stats) uint64 { return s.Openings }),
	count("reconnections_total", "Openings of the source after the first one.",
		func(s *pipeline.Stats) uint64 { return s.Openings - min(s.Openings, 1) }),
	count("failures_total", "Failures of the source, those to open it included.",
		func(s *pipeline.Stats) uint64 { return s.Failures }),
	count("clips_due_total", "Clips that were due: one for every hop.",
		func(s *pipeline.Stats) uint64 { return s.Due }),
	count("clips_incomplete_total", "Clips that were not made, because there were too few frames since a gap.",
		func(s *pipeline.Stats) uint64 { return s.Incomplete }),
	count("clips_scored_total", "Clips scored.", func(s *pipeline.Stats) uint64 { return s.Scored }),
	count("clips_skipped_total", "Clips that newer ones displaced before they were scored: overload.",
		func(s *pipeline.Stats) uint64 { return s.Skipped }),
	count("clips_skipped_memory_total",
		"Clips among the skipped ones whose memory was needed, because that of the key "+
			"buffers is used up.", func(s *pipeline.Stats) uint64 { return s.Starved }),
	count("clips_unscorable_total", "Clips for which the model gave no finite score.",
		func(s *pipeline.Stats) uint64 { return s.Unscorable }),
	count("clips_dropped_total", "Clips discarded unscored because the camera or the program stopped, or by an error.",
		func(s *pipeline.Stats) uint64 { return s.Dropped }),
	count("overload_pauses_total", "Turns of ten seconds for which the camera was paused for overload.",
		func(s *pipeline.Stats) uint64 { return s.Paused }),
	count("events_total", "Events started.", func(s *pipeline.Stats) uint64 { return s.Events }),
	count("events_held_total", "Events that would have started if the calibration had fitted and the camera could "+
		"have been trusted.", func(s *pipeline.Stats) uint64 { return s.Held }),
	count("untrusted_total", "How often the camera could not be trusted: covered, moved or the like.",
		func(s *pipeline.Stats) uint64 { return s.Untrusted }),
	gauge("camera_clips_pending", "Clips made and not scored yet.",
		func(s *pipeline.Stats, send func(float64, ...string)) { send(float64(s.Pending), s.Camera) }, "camera"),
	gauge("camera_queue_age_seconds", "How long the clip that waits for the model has waited; 0 for none.",
		func(s *pipeline.Stats, send func(float64, ...string)) { send(s.QueueAge.Seconds(), s.Camera) }, "camera"),
	gauge("camera_threshold", "Threshold of the errors by a measure, as adapted while watching.",
		func(s *pipeline.Stats, send func(float64, ...string)) {
			for _, scale := range s.Scales {
				send(scale.Theta, s.Camera, string(scale.Measure))
			}
		}, "camera", "measure"),
	gauge("camera_state", "1 for the state that the camera is in, 0 for the others.",
		func(s *pipeline.Stats, send func(float64, ...string)) {
			for _, state := range States {
				send(oneIf(s.State == state), s.Camera, string(state))
			}
		}, "camera", "state"),
	gauge("camera_state_since_timestamp_seconds", "When the camera's state began, as a Unix time.",
		func(s *pipeline.Stats, send func(float64, ...string)) {
			if !s.Since.IsZero() {
				send(unix(s.Since), s.Camera)
			}
		}, "camera"),
	counter("camera_state_changes_total", "How often the camera entered a state; failing counts each failure.",
		func(s *pipeline.Stats, send func(float64, ...string)) {
			for _, state := range States {
				send(float64(s.States[state]), s.Camera, string(state))
			}
		}, "camera", "state"),
	gauge("camera_frames_per_second", "Frame rates of stream time: of the source, and of what the model sees.",
		func(s *pipeline.Stats, send func(float64, ...string)) {
			for of, v := range map[string]float64{"source": s.Rates.Source, "model": s.Rates.Seen} {
				if v > 0 && !math.IsInf(v, 0) {
					send(v, s.Camera, of)
				}
			}
		}, "camera", "of"),
)

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
