package alerts

import (
	"strings"
	"testing"
	"time"
)

func TestSwitchesChange(t *testing.T) {
	now := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	later := now.Add(time.Hour)
	s := Switches{Camera: "gate"}
	for _, step := range []struct {
		change SwitchChange
		want   string // of the result: paused, snoozed, off
		fails  string
	}{
		{SwitchChange{Action: ActionPause}, "paused", ""},
		{SwitchChange{Action: ActionSnooze, Until: later}, "paused snoozed", ""},
		{SwitchChange{Action: ActionDetectionOff}, "paused snoozed off", ""},
		{SwitchChange{Action: ActionSnooze}, "", "until is missing"},
		{SwitchChange{Action: ActionPause, Until: now}, "", "must be in the future"},
		{SwitchChange{Action: ActionPause, Until: now.Add(MaxSwitch + time.Second)}, "", "within 366 days"},
		{SwitchChange{Action: ActionResume, Until: later}, "", "has no end"},
		{SwitchChange{Action: "stop"}, "", "must be pause"},
		{SwitchChange{Action: ActionResume}, "snoozed off", ""},
		{SwitchChange{Action: ActionPause, Until: later.Add(time.Hour)}, "paused snoozed off", ""},
		{SwitchChange{Action: ActionDetectionOn}, "paused snoozed", ""},
		{SwitchChange{Action: ActionSnoozeOff}, "paused", ""},
	} {
		after, err := s.With(step.change, "cli", now)
		if step.fails != "" {
			if err == nil || !strings.Contains(err.Error(), step.fails) {
				t.Errorf("%+v: %v, want an error with %q", step.change, err, step.fails)
			}
			continue
		}
		if err != nil || describe(after) != step.want || after.By != "cli" || !after.At.Equal(now) {
			t.Errorf("%+v gives %+v, %v; want %s", step.change, after, err, step.want)
		}
		data, err := EncodeSwitches(after)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := DecodeSwitches("gate", data); err != nil || describe(again) != step.want {
			t.Errorf("%s is read as %+v, %v", data, again, err)
		}
		s = after
	}
	if end := s.NextEnd(); !end.Equal(later.Add(time.Hour)) {
		t.Errorf("ends at %v", end)
	}
	if got := s.Active(later.Add(time.Hour)); got.Any() || !got.NextEnd().IsZero() {
		t.Errorf("at its end it is %+v", got)
	}
	if got := s.Active(later.Add(time.Hour - 1)); !got.Paused {
		t.Errorf("before its end it is %+v", got)
	}
}

func describe(s Switches) string {
	var all []string
	if s.Paused {
		all = append(all, "paused")
	}
	if s.SnoozedUntil != nil {
		all = append(all, "snoozed")
	}
	if s.DetectionOff {
		all = append(all, "off")
	}
	return strings.Join(all, " ")
}

func TestDecodeSwitchesRefuses(t *testing.T) {
	const good = `{"version":1,"camera":"gate","paused":true,"change":"pause","by":"cli","at":"2026-11-30T09:00:00Z"}`
	if _, err := DecodeSwitches("gate", []byte(good)); err != nil {
		t.Fatal(err)
	}
	for want, data := range map[string]string{
		"unexpected end":      good[:len(good)-1],
		"must be the entry's": strings.Replace(good, "gate", "yard", 1),
		"version is 2":        strings.Replace(good, `:1,`, `:2,`, 1),
		"version is 0":        `{}`,
		"at is missing":       strings.Replace(good, `,"at":"2026-11-30T09:00:00Z"`, "", 1),
		"by must have":        strings.Replace(good, `"by":"cli"`, `"by":"c\u001bli"`, 1),
		"change must have":    strings.Replace(good, `"change":"pause"`, `"change":"`+strings.Repeat("x", 101)+`"`, 1),
		"paused_until is set": strings.Replace(good, `"paused":true`, `"paused_until":"2026-12-30T09:00:00Z"`, 1),
		"from 1970":           strings.Replace(good, `"paused":true`, `"snoozed_until":"1800-12-30T09:00:00Z"`, 1),
		"bytes, at most":      good + strings.Repeat(" ", maxSwitchesBytes),
	} {
		if strings.HasPrefix(data, "{}") {
			data = `{"camera":"gate"}`
		}
		if s, err := DecodeSwitches("gate", []byte(data)); err == nil || !strings.Contains(err.Error(), want) ||
			s.Any() {
			t.Errorf("%s: %+v, %v; want an error with %q", data, s, err, want)
		}
	}
}

func FuzzDecodeSwitches(f *testing.F) {
	f.Add([]byte(`{"version":1,"camera":"gate","paused":true,"change":"pause","by":"cli","at":"2026-11-30T09:00:00Z"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := DecodeSwitches("gate", data)
		if err != nil {
			return
		}
		again, err := EncodeSwitches(s)
		if err != nil {
			t.Fatalf("%+v was read and cannot be written: %v", s, err)
		}
		if _, err := DecodeSwitches("gate", again); err != nil {
			t.Fatalf("%s was written and cannot be read: %v", again, err)
		}
	})
}
