package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Rate is a frequency, as 2/day. The zero value is never.
type Rate struct {
	Times float64
	Per   string // hour, day or week
}

var ratePeriods = map[string]float64{"hour": 24, "day": 1, "week": 1. / 7} // periods per day

// UnmarshalText parses a number, a slash and hour, day or week.
func (r *Rate) UnmarshalText(text []byte) error {
	times, per, ok := strings.Cut(string(text), "/")
	n, err := strconv.ParseFloat(times, 64)
	if !decimal.MatchString(strings.TrimLeft(times, "0")) {
		err = errors.ErrUnsupported // hexadecimal or a word
	}
	if !ok || err != nil || ratePeriods[per] == 0 || !(n > 0 && n <= 1000) {
		return errors.New("must be a number up to 1000 for each hour, day or week, such as 2/day")
	}
	r.Times, r.Per = n, per
	return nil
}

// PerDay returns the number per 24 hours.
func (r Rate) PerDay() float64 { return r.Times * ratePeriods[r.Per] }

// String formats the rate as UnmarshalText reads it.
func (r Rate) String() string {
	if r == (Rate{}) {
		return ""
	}
	return fmt.Sprintf("%g/%s", r.Times, r.Per)
}

// MarshalText is String.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }
