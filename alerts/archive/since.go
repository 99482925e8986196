package archive

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// sinceForms are the time formats of ParseSince; those without a zone are local times.
var sinceForms = []string{
	time.RFC3339, time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04",
	"2006-01-02 15:04", time.DateOnly,
}

// ParseSince parses a duration before now such as 24h or 2d, a day such as today or 2026-11-20, meaning its beginning,
// or a time. Its errors are InvalidErrors that begin with the text.
func ParseSince(text string, now time.Time) (time.Time, error) {
	at, err := sinceTime(text, now)
	switch {
	case err != nil:
		return time.Time{}, &InvalidError{fmt.Errorf("%q: %w; give a duration such as 90m, 24h or 2d, a day such as "+
			"today, yesterday or 2026-11-20, or a time such as 2026-11-20T10:00, which is local unless a zone "+
			"follows", text, err)}
	case at.After(now):
		return time.Time{}, &InvalidError{fmt.Errorf("%q: is in the future: %s; it is %s now", text,
			at.Local().Format(time.DateTime), now.Local().Format(time.DateTime))}
	}
	return at, nil
}

func sinceTime(text string, now time.Time) (time.Time, error) {
	year, month, day := now.Date()
	switch text {
	case "today":
		return time.Date(year, month, day, 0, 0, 0, 0, now.Location()), nil
	case "yesterday":
		return time.Date(year, month, day-1, 0, 0, 0, 0, now.Location()), nil
	}
	if strings.Count(text, "-") >= 2 {
		for _, form := range sinceForms {
			if at, err := time.ParseInLocation(form, text, now.Location()); err == nil {
				return at, nil
			}
		}
		return time.Time{}, fmt.Errorf("is not a valid day or time")
	}
	ago, err := sinceDuration(text)
	if err != nil {
		return time.Time{}, err
	}
	return now.Add(-ago), nil
}

// sinceDuration is time.ParseDuration with weeks and days, of 24 hours each, before the hours.
func sinceDuration(text string) (time.Duration, error) {
	rest := text
	var sum time.Duration
	for _, unit := range []struct {
		name string
		long time.Duration
	}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}} {
		number, after, found := strings.Cut(rest, unit.name)
		if !found {
			continue
		}
		n, err := strconv.ParseFloat(number, 64)
		if err != nil || !(n >= 0 && n <= 365*100) {
			return 0, fmt.Errorf("is not a duration")
		}
		sum += time.Duration(n * float64(unit.long))
		rest = after
	}
	if rest != "" {
		d, err := time.ParseDuration(rest)
		if err != nil {
			if _, number := strconv.ParseFloat(text, 64); number == nil {
				return 0, fmt.Errorf("has no unit")
			}
			return 0, fmt.Errorf("is not a duration")
		}
		sum += d
	}
	if sum <= 0 || strings.HasPrefix(text, "-") {
		return 0, fmt.Errorf("is not positive")
	}
	return sum, nil
}
