package alerts

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
)

const (
	// SwitchesBucket is the key-value bucket of the cameras' switches: an entry for each camera, by its name.
	SwitchesBucket = "VIGIL_SWITCHES"
	// CamerasBucket is the key-value bucket of the cameras that are made at run time: an entry for each camera, by its
	// name.
	CamerasBucket = "VIGIL_CAMERAS"

	// SwitchesVersion is the version of an entry that this program writes and reads.
	SwitchesVersion = 1
	// MaxSwitch is how far ahead the end of a pause or a snooze may be.
	MaxSwitch = 366 * 24 * time.Hour
	// maxSwitchesBytes bounds an entry.
	maxSwitchesBytes = 4 << 10
)

// Switches are a camera's switches that people set while vigil runs. The zero value of the switches is a camera that is
// monitored as configured.
type Switches struct {
	Version int    `json:"version"`
	Camera  string `json:"camera"`
	// Paused cameras are not opened, until PausedUntil or, without one, until they are resumed.
	Paused      bool       `json:"paused,omitempty"`
	PausedUntil *time.Time `json:"paused_until,omitempty"`
	// SnoozedUntil is the end of a time in which the camera is scored and opens no event; nil for none.
	SnoozedUntil *time.Time `json:"snoozed_until,omitempty"`
	// DetectionOff is the same without an end.
	DetectionOff bool `json:"detection_off,omitempty"`
	// Change is the latest change in words, By where it came from (cli, mqtt), and At when.
	Change string    `json:"change"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
}

// SwitchAction is what a change of the switches does.
type SwitchAction string

// The actions.
const (
	ActionPause        SwitchAction = "pause" // until a time, or without an end
	ActionResume       SwitchAction = "resume"
	ActionSnooze       SwitchAction = "snooze" // until a time
	ActionSnoozeOff    SwitchAction = "snooze_off"
	ActionDetectionOn  SwitchAction = "detection_on"
	ActionDetectionOff SwitchAction = "detection_off"
)

// SwitchChange is a change of a camera's switches.
type SwitchChange struct {
	Action SwitchAction
	Until  time.Time // zero for no end
}

// With returns the switches after a change at the time now.
func (s Switches) With(c SwitchChange, by string, now time.Time) (Switches, error) {
	s = s.Active(now)
	s.Version, s.Change, s.By, s.At = SwitchesVersion, string(c.Action), by, now.UTC()
	timed := c.Action == ActionPause || c.Action == ActionSnooze
	switch {
	case !timed && !c.Until.IsZero():
		return s, fmt.Errorf("%s has no end: leave until out", c.Action)
	case !c.Until.IsZero() && !c.Until.After(now):
		return s, fmt.Errorf("until is %s: must be in the future", c.Until.Format(time.RFC3339))
	case c.Until.Sub(now) > MaxSwitch:
		return s, fmt.Errorf("until is %s: must be within %d days", c.Until.Format(time.RFC3339),
			MaxSwitch/(24*time.Hour))
	}
	var until *time.Time
	if !c.Until.IsZero() {
		end := c.Until.UTC().Round(0)
		until = &end
		s.Change += " until " + end.Format(time.RFC3339)
	}
	switch c.Action {
	case ActionPause:
		s.Paused, s.PausedUntil = true, until
	case ActionResume:
		s.Paused, s.PausedUntil = false, nil
	case ActionSnooze:
		if until == nil {
			return s, errors.New("until is missing: a snooze has an end")
		}
		s.SnoozedUntil = until
	case ActionSnoozeOff:
		s.SnoozedUntil = nil
	case ActionDetectionOn:
		s.DetectionOff = false
	case ActionDetectionOff:
		s.DetectionOff = true
	default:
		return s, fmt.Errorf("action is %q: must be pause, resume, snooze, snooze_off, detection_on or detection_off",
			c.Action)
	}
	return s, s.check()
}

// Active returns the switches at a time, without what has ended by then.
func (s Switches) Active(now time.Time) Switches {
	if s.PausedUntil != nil && !now.Before(*s.PausedUntil) {
		s.Paused, s.PausedUntil = false, nil
	}
	if s.SnoozedUntil != nil && !now.Before(*s.SnoozedUntil) {
		s.SnoozedUntil = nil
	}
	return s
}

// Any reports whether any switch is set.
func (s Switches) Any() bool { return s.Paused || s.SnoozedUntil != nil || s.DetectionOff }

// NextEnd returns when the first of the switches ends by itself; zero for never.
func (s Switches) NextEnd() (end time.Time) {
	for _, t := range []*time.Time{s.PausedUntil, s.SnoozedUntil} {
		if t != nil && (end.IsZero() || t.Before(end)) {
			end = *t
		}
	}
	return end
}

// EncodeSwitches validates and encodes an entry.
func EncodeSwitches(s Switches) ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("encode switches: %w", err)
	}
	return json.Marshal(s)
}

// DecodeSwitches decodes the entry of a camera.
func DecodeSwitches(camera string, data []byte) (Switches, error) {
	var s Switches
	if len(data) > maxSwitchesBytes {
		return s, fmt.Errorf("the entry has %d bytes, at most %d are read", len(data), maxSwitchesBytes)
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return Switches{}, err
	}
	if s.Camera != camera {
		return Switches{}, fmt.Errorf("camera is %q: must be the entry's key", s.Camera)
	}
	if err := s.check(); err != nil {
		return Switches{}, err
	}
	return s, nil
}

func (s Switches) check() error {
	inYears := func(t *time.Time) bool { return t == nil || t.Year() >= 1970 && t.Year() <= 9999 }
	switch {
	case s.Version != SwitchesVersion:
		return fmt.Errorf("version is %d: must be %d", s.Version, SwitchesVersion)
	case !inYears(&s.At):
		return errors.New("at is missing or not from 1970 to 9999")
	case !inYears(s.PausedUntil) || !inYears(s.SnoozedUntil):
		return errors.New("paused_until and snoozed_until must be from 1970 to 9999")
	case s.PausedUntil != nil && !s.Paused:
		return errors.New("paused_until is set and paused is not")
	case s.By == "" || !isShortText(s.By):
		return fmt.Errorf("by must have 1 to %d printable bytes", maxNameBytes)
	case !isShortText(s.Change):
		return fmt.Errorf("change must have at most %d printable bytes", maxNameBytes)
	}
	return ValidCamera(s.Camera)
}

func isShortText(s string) bool {
	return len(s) <= maxNameBytes && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
