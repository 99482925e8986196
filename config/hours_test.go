package config

import (
	"testing"
	"time"
)

func hours(t *testing.T, from, to string, days ...string) Hours {
	t.Helper()
	h := Hours{Days: days}
	if err := h.From.UnmarshalText([]byte(from)); err != nil {
		t.Fatal(err)
	}
	if err := h.To.UnmarshalText([]byte(to)); err != nil {
		t.Fatal(err)
	}
	return h
}

// TestHoursArmedAt: 2026-06-01 is a Monday.
func TestHoursArmedAt(t *testing.T) {
	night := hours(t, "22:00", "06:00", "fri")
	weekend := hours(t, "00:00", "24:00", "sat", "sun")
	overWeeksEnd := hours(t, "08:00", "09:00", "sat-mon")
	for _, c := range []struct {
		name string
		h    Hours
		at   string
		want bool
	}{
		{"before", night, "2026-06-05 21:59:59", false},
		{"first minute", night, "2026-06-05 22:00:00", true},
		{"midnight", night, "2026-06-06 00:00:00", true},
		{"last second", night, "2026-06-06 05:59:59", true},
		{"end", night, "2026-06-06 06:00:00", false},
		{"the morning of the day itself", night, "2026-06-05 03:00:00", false},
		{"the night of the next day", night, "2026-06-06 23:00:00", false},
		{"weekend's first second", weekend, "2026-06-06 00:00:00", true},
		{"weekend's last second", weekend, "2026-06-07 23:59:59", true},
		{"monday", weekend, "2026-06-08 00:00:00", false},
		{"range over the week's end", overWeeksEnd, "2026-06-08 08:30:00", true},
		{"outside of the range", overWeeksEnd, "2026-06-09 08:30:00", false},
		{"nothing given is the whole day", Hours{}, "2026-06-03 12:00:00", true},
		{"until midnight", hours(t, "18:00", "00:00", "mon"), "2026-06-01 23:59:00", true},
		{"not after that midnight", hours(t, "18:00", "00:00", "mon"), "2026-06-02 00:00:00", false},
		{"a sunday's night is a monday's morning", hours(t, "23:00", "01:00", "sun"), "2026-06-08 00:30:00", true},
		{"a day that is none", Hours{Days: []string{"never"}}, "2026-06-03 12:00:00", false},
	} {
		at, err := time.Parse(time.DateTime, c.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.h.ArmedAt(at); got != c.want {
			t.Errorf("%s: armed at %s is %v", c.name, c.at, got)
		}
	}
}

// TestArmedAtClockChange: in Berlin, 2026-03-29 has no 02:00 to 03:00, and 2026-10-25 has it twice.
func TestArmedAtClockChange(t *testing.T) {
	s := Settings{Armed: []Hours{hours(t, "22:00", "02:30", "sat"), hours(t, "05:00", "06:00")}}
	if err := s.TimeZone.UnmarshalText([]byte("Europe/Berlin")); err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]bool{
		"2026-03-28T20:59:00Z": false, // 21:59
		"2026-03-28T21:00:00Z": true,  // 22:00 in winter
		"2026-03-29T00:59:59Z": true,  // 01:59, and then the clock shows 03:00
		"2026-03-29T01:00:00Z": false, // 03:00
		"2026-03-29T03:00:00Z": true,  // 05:00 in summer
		"2026-03-29T04:00:00Z": false, // 06:00
		"2026-10-25T00:15:00Z": true,  // 02:15 for the first time
		"2026-10-25T00:45:00Z": false, // 02:45 for the first time
		"2026-10-25T01:15:00Z": true,  // 02:15 for the second time
		"2026-10-25T01:45:00Z": false, // 02:45 for the second time
		"2026-10-25T04:30:00Z": true,  // 05:30 in winter
	} {
		instant, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.ArmedAt(instant); got != want {
			t.Errorf("armed at %s is %v", at, got)
		}
	}
	if !(Settings{}).ArmedAt(time.Now()) {
		t.Error("a camera without hours is not armed")
	}
}

func TestClock(t *testing.T) {
	for _, bad := range []string{
		"", "7:30", "07:3", "24:01", "23:60", "0730", "07:30:00", "-1:00", "+1:00", "aa:bb",
		"07:30 ",
	} {
		var c Clock
		if err := c.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is read as %s", bad, c)
		}
	}
	for _, good := range []string{"00:00", "07:30", "23:59", "24:00"} {
		var c Clock
		if err := c.UnmarshalText([]byte(good)); err != nil || c.String() != good {
			t.Errorf("%q is read as %s, %v", good, c, err)
		}
	}
}
