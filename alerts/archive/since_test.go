package archive

import (
	"strings"
	"testing"
	"time"
)

func TestSince(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 29, 17, 30, 0, 0, berlin)
	for text, want := range map[string]time.Time{
		"24h":                       now.Add(-24 * time.Hour),
		"90m":                       now.Add(-90 * time.Minute),
		"2d":                        now.Add(-48 * time.Hour),
		"1w2d12h30m":                now.Add(-(9*24*time.Hour + 12*time.Hour + 30*time.Minute)),
		"0.5d":                      now.Add(-12 * time.Hour),
		"today":                     time.Date(2026, 11, 29, 0, 0, 0, 0, berlin),
		"yesterday":                 time.Date(2026, 11, 28, 0, 0, 0, 0, berlin),
		"2026-11-20":                time.Date(2026, 11, 20, 0, 0, 0, 0, berlin),
		"2026-07-20":                time.Date(2026, 7, 19, 22, 0, 0, 0, time.UTC), // daylight saving time
		"2026-11-20T10:00":          time.Date(2026, 11, 20, 10, 0, 0, 0, berlin),
		"2026-11-20 10:00":          time.Date(2026, 11, 20, 10, 0, 0, 0, berlin),
		"2026-11-20T10:00:05":       time.Date(2026, 11, 20, 10, 0, 5, 0, berlin),
		"2026-11-20T10:00:00Z":      time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC),
		"2026-11-20T10:00:00-05:00": time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC),
	} {
		if got, err := ParseSince(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%s is %v, %v; want %v", text, got, err, want)
		}
	}
	// The day before the first of a month, across a change of the clocks.
	if got, err := ParseSince("yesterday", time.Date(2026, 3, 30, 0, 30, 0, 0, berlin)); err != nil ||
		!got.Equal(time.Date(2026, 3, 29, 0, 0, 0, 0, berlin)) {
		t.Errorf("yesterday is %v, %v", got, err)
	}
	for text, want := range map[string]string{
		"24": "has no unit", "-1h": "is not positive", "0h": "is not positive", "2x": "is not a duration",
		"d": "is not a duration", "-2d": "is not a duration",
		"1d1d": "is not a duration", "2026-02-30": "is not a valid day", "20.11.2026": "is not a duration",
		"2026-11-20T25:00": "is not a valid day",
		"2027-01-01":       "is in the future", "tomorrow": "is not a duration", "9999999d": "is not a duration",
		"NaNd": "is not a duration",
	} {
		_, err := ParseSince(text, now)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), `"`+text+`"`) {
			t.Errorf("%s: error %v, want %q", text, err, want)
		}
		if err != nil && want != "is in the future" && !strings.Contains(err.Error(), "such as 90m, 24h or 2d") {
			t.Errorf("%s: error %v does not say what would be right", text, err)
		}
	}
}
