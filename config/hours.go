package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // a container has no time zone database.
)

// Hours is a time of the week, by the wall clock of the camera's time zone.
//
// If to is not later than from, the time runs over midnight into the next day, so without from and to it is the whole
// day. The key days names the days on which the time starts. When the clock is put forward, the minutes that are left
// out never come; when it is put back, the hour that comes twice counts twice.
type Hours struct {
	// Days are the days on which it starts, as mon or mon-fri; none is every day.
	Days []string `yaml:"days"`
	// From is when it starts, as 22:00.
	From Clock `yaml:"from"`
	// To is when it ends; 24:00 is the end of the day, and a time before from is on the next day.
	To Clock `yaml:"to"`
}

// ArmedAt reports whether t, in its own time zone, lies in the hours. An invalid day never matches.
func (h Hours) ArmedAt(t time.Time) bool {
	now, day := Clock(t.Hour()*60+t.Minute()), t.Weekday()
	if h.To > h.From {
		return h.on(day) && now >= h.From && now < h.To
	}
	return h.on(day) && now >= h.From || h.on((day+6)%7) && now < h.To
}

func (h Hours) on(day time.Weekday) bool {
	return len(h.Days) == 0 || slices.ContainsFunc(h.Days, func(s string) bool {
		days, err := parseDays(s)
		return err == nil && days[day]
	})
}

// ArmedAt reports whether the camera raises alerts at t: in any of its hours, or always without any.
func (s Settings) ArmedAt(t time.Time) bool {
	t = t.In(s.TimeZone.Location())
	return len(s.Armed) == 0 || slices.ContainsFunc(s.Armed, func(h Hours) bool { return h.ArmedAt(t) })
}

var dayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// parseDays parses one day or a range of days, which may extend across the week's end, as sat-mon. The result is
// indexed by time.Weekday.
func parseDays(s string) (days [7]bool, err error) {
	first, last, isRange := strings.Cut(s, "-")
	from := slices.Index(dayNames, first)
	to := from
	if isRange {
		to = slices.Index(dayNames, last)
	}
	if from < 0 || to < 0 {
		return days, errors.New("must be mon, tue, wed, thu, fri, sat or sun, or a range such as mon-fri")
	}
	for d := from; ; d = (d + 1) % 7 {
		days[d] = true
		if d == to {
			return days, nil
		}
	}
}

// Clock is a time of day in minutes since midnight, from 00:00 to 24:00.
type Clock int

// UnmarshalText parses HH:MM.
func (c *Clock) UnmarshalText(text []byte) error {
	hour, minute, ok := strings.Cut(string(text), ":")
	h, err1 := strconv.ParseUint(hour, 10, 8)
	m, err2 := strconv.ParseUint(minute, 10, 8)
	if !ok || len(hour) != 2 || len(minute) != 2 || err1 != nil || err2 != nil || m > 59 || h*60+m > 24*60 {
		return errors.New("must be a time of day from 00:00 to 24:00, such as 07:30")
	}
	*c = Clock(h*60 + m)
	return nil
}

// String formats the time as HH:MM.
func (c Clock) String() string { return fmt.Sprintf("%02d:%02d", int(c)/60, int(c)%60) }

// MarshalText is String.
func (c Clock) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// TimeZone is a place in the IANA data base; the zero value is the machine's own time zone.
type TimeZone struct{ loc *time.Location }

// UnmarshalText parses a name such as Europe/Berlin; empty is the machine's own time zone.
func (z *TimeZone) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*z = TimeZone{}
		return nil
	}
	loc, err := time.LoadLocation(string(text))
	if err != nil {
		return errors.New("must be an IANA time zone such as Europe/Berlin, or left out for this machine's own")
	}
	z.loc = loc
	return nil
}

// Location returns the time zone; it is never nil.
func (z TimeZone) Location() *time.Location {
	if z.loc == nil {
		return time.Local
	}
	return z.loc
}

// String returns the IANA name, empty for the machine's own time zone.
func (z TimeZone) String() string {
	if z.loc == nil {
		return ""
	}
	return z.loc.String()
}

// MarshalText is String.
func (z TimeZone) MarshalText() ([]byte, error) { return []byte(z.String()), nil }
