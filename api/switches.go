package api

import (
	"errors"
	"fmt"
	"time"

	"vigil/alerts"
)

// SwitchRequest asks for a change of switches. Until and For are for pause and snooze: one of them, or none for a pause
// without an end.
type SwitchRequest struct {
	_ struct{} `json:"-" additionalProperties:"false"`
	// Action is what is switched.
	Action alerts.SwitchAction `json:"action" enum:"pause,resume,snooze,snooze_off,detection_on,detection_off"`
	// Until is when a pause or snooze ends.
	Until *time.Time `json:"until,omitempty"`
	// For is how long it lasts, as 90s, 30m or 2h.
	For string `json:"for,omitempty" maxLength:"20"`
}

// SwitchChange returns the change that is asked for at a time.
func (in SwitchRequest) SwitchChange(now time.Time) (alerts.SwitchChange, error) {
	change := alerts.SwitchChange{Action: in.Action}
	switch {
	case in.Until != nil && in.For != "":
		return change, errors.New("give either until or for, not both")
	case in.Until != nil && in.Until.IsZero():
		return change, errors.New("until is the year 1: must be in the future")
	case in.Until != nil:
		change.Until = *in.Until
	case in.For != "":
		d, err := ParseFor(in.For)
		if err != nil {
			return change, err
		}
		change.Until = now.Add(d)
	}
	return change, nil
}

// ParseFor reads the length of a pause or a snooze.
func ParseFor(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Second || d > alerts.MaxSwitch {
		return 0, fmt.Errorf("for is %q: must be a time such as 90s, 30m or 2h, from 1s to %dh", text,
			alerts.MaxSwitch/time.Hour)
	}
	return d, nil
}
