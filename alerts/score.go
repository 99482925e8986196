package alerts

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"
)

// Score is the measurement of one clip; it is published and not stored.
type Score struct {
	Camera        string    `json:"camera"`
	Frame         uint64    `json:"frame"`          // the frame that the clip scores: its start + 8
	StreamSeconds float64   `json:"stream_seconds"` // of that frame
	Wall          time.Time `json:"wall"`           // its arrival
	Error         float64   `json:"error"`          // raw, in the unit that the weights name
	// Regularity is nil without a calibration that fits what the camera sends.
	Regularity   *float64 `json:"regularity,omitempty"`
	ClipsSkipped uint64   `json:"clips_skipped"`   // since the start, for overload
	Cause        string   `json:"cause,omitempty"` // the measure that error and regularity are of, as in an alert
	Motion       *Reading `json:"motion,omitempty"`
	Appearance   *Reading `json:"appearance,omitempty"`
}

// Status is a change in the state of a camera; it is published and not stored.
type Status struct {
	Camera string    `json:"camera"`
	State  State     `json:"state"`
	Wall   time.Time `json:"wall"`             // when the state began
	Detail string    `json:"detail,omitempty"` // why, in plain words, without credentials
	Code   string    `json:"code,omitempty"`   // of Detail, in the catalogue of errors: vigil explain CODE
	Count  uint64    `json:"count,omitempty"`  // how often the camera came into this state since the program's start
}

// State is what a camera is doing.
type State string

// The states of a camera.
const (
	StateConnecting State = "connecting" // the first time or again
	StateLive       State = "live"       // pictures arrive and are scored
	StateStalled    State = "stalled"    // connected, but no picture arrived for a while
	StateFrozen     State = "frozen"     // the same picture repeats
	StateFailing    State = "failing"    // the source failed and is retried
	// pictures arrive at another rate than the calibration's: they are scored, alerts are held.
	StateRateMismatch State = "rate_mismatch"
	// pictures have another size than the calibration's: they are scored, alerts are held.
	StateSizeMismatch State = "size_mismatch"
	StateUntrusted    State = "untrusted"  // the camera is covered, moved or the like: scored, alerts are held
	StateNoClips      State = "no_clips"   // pictures arrive, but never enough in a row for a clip
	StateUnscorable   State = "unscorable" // many clips in a row could not be scored
	StateDisarmed     State = "disarmed"   // outside the armed hours
	// StateUncalibrated is a camera whose settings its calibration was not made for: scored, alerts are held.
	StateUncalibrated State = "uncalibrated"
	// StateSnoozed and StateDetectionOff are cameras whose events somebody switched off: scored, no event is opened.
	StateSnoozed      State = "snoozed"
	StateDetectionOff State = "detection_off"
	StatePaused       State = "paused" // switched off by somebody: not even opened
	// StatePausedOverload is a camera that is paused for ten seconds, since the machine cannot decode all cameras at a
	// time.
	StatePausedOverload State = "paused_overload"
	StateEnded          State = "ended"   // a recording ended
	StateFailed         State = "failed"  // abandoned; Detail has the reason
	StateStopped        State = "stopped" // vigil is stopping
)

// Watched reports whether a camera in this state is monitored as configured: its pictures are scored, an event says
// that it cannot be trusted, or it is outside its armed hours or its events are switched off. It returns false for
// unknown states.
func (s State) Watched() bool {
	switch s {
	case StateLive, StateUntrusted, StateDisarmed, StateSnoozed, StateDetectionOff:
		return true
	default:
		return false
	}
}

// EncodeScore encodes a score as a CloudEvent of type vigil.score.
func EncodeScore(s Score) ([]byte, error) {
	s.Wall = s.Wall.UTC()
	if err := ValidCamera(s.Camera); err != nil {
		return nil, fmt.Errorf("encode score: %w", err)
	}
	if !finite(s.Error) || !finite(s.StreamSeconds) || s.Regularity != nil && !finite(*s.Regularity) ||
		!s.Motion.finite() || !s.Appearance.finite() {
		return nil, fmt.Errorf(
			"encode score of camera %s, frame %d: error, regularity and stream time must be finite numbers",
			s.Camera, s.Frame)
	}
	return encodeEvent(NewID(), TypeScore, s.Camera, "", s.Wall, s)
}

func (r *Reading) finite() bool {
	return r == nil || finite(r.Error) && (r.Regularity == nil || finite(*r.Regularity))
}

// DecodeScore decodes a score.
func DecodeScore(message []byte) (Score, error) {
	var s Score
	if err := decodeEventAs(message, TypeScore, &s); err != nil {
		return Score{}, fmt.Errorf("decode score: %w", err)
	}
	if err := ValidCamera(s.Camera); err != nil {
		return Score{}, fmt.Errorf("decode score: %w", err)
	}
	return s, nil
}

// EncodeStatus encodes a status as a CloudEvent of type vigil.status.
func EncodeStatus(s Status) ([]byte, error) {
	s.Wall = s.Wall.UTC()
	if err := ValidCamera(s.Camera); err != nil {
		return nil, fmt.Errorf("encode status: %w", err)
	}
	if s.State == "" {
		return nil, errors.New("encode status: state is empty")
	}
	return encodeEvent(NewID(), TypeStatus, s.Camera, "", s.Wall, s)
}

// DecodeStatus decodes a status.
func DecodeStatus(message []byte) (Status, error) {
	var s Status
	if err := decodeEventAs(message, TypeStatus, &s); err != nil {
		return Status{}, fmt.Errorf("decode status: %w", err)
	}
	if err := ValidCamera(s.Camera); err != nil {
		return Status{}, fmt.Errorf("decode status: %w", err)
	}
	return s, nil
}

func decodeEventAs(message []byte, typ string, into any) error {
	e, err := decodeEvent(message)
	if err != nil {
		return err
	}
	if e.Type() != typ {
		return fmt.Errorf("message is a %s, not a %s", e.Type(), typ)
	}
	if err := json.Unmarshal(e.Data(), into); err != nil {
		return fmt.Errorf("data: %w", err)
	}
	return nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
