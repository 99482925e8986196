package api

import (
	"strings"
	"testing"
	"time"

	"vigil/alerts"
)

// The end of a pause or a snooze is a time or a length, in the future and within bounds.
func TestSwitchRequest(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	year1, later := time.Time{}, now.Add(time.Hour)
	for _, tt := range []struct {
		in    SwitchRequest
		until time.Time
		says  string
	}{
		{SwitchRequest{}, time.Time{}, ""},
		{SwitchRequest{For: "2h"}, now.Add(2 * time.Hour), ""},
		{SwitchRequest{Until: &later}, later, ""},
		{SwitchRequest{For: "soon"}, time.Time{}, "for is"},
		{SwitchRequest{For: "-2h"}, time.Time{}, "for is"},
		{SwitchRequest{For: "99999h"}, time.Time{}, "for is"},
		{SwitchRequest{Until: &year1}, time.Time{}, "future"},
		{SwitchRequest{For: "1h", Until: &later}, time.Time{}, "not both"},
	} {
		tt.in.Action = alerts.ActionPause
		change, err := tt.in.SwitchChange(now)
		if tt.says == "" && (err != nil || !change.Until.Equal(tt.until) || change.Action != alerts.ActionPause) ||
			tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("%+v: %+v, %v; want %q", tt.in, change, err, tt.says)
		}
	}
}
