package detect

import (
	"math"
	"time"
)

// Record is the form of a Config in a calibration file, with durations in seconds.
type Record struct {
	Enter       float64 `json:"enter"`
	Leave       float64 `json:"leave"`
	OpenAfter   float64 `json:"open_after"`
	OpenAtOnce  float64 `json:"open_at_once,omitempty"`
	CloseAfter  float64 `json:"close_after"`
	MinDuration float64 `json:"min_duration"`
	CoolDown    float64 `json:"cool_down"`
}

// Record converts c for a calibration file.
func (c Config) Record() Record {
	return Record{
		c.Enter, c.Leave, c.OpenAfter.Seconds(), c.OpenAtOnce, c.CloseAfter.Seconds(), c.MinDuration.Seconds(),
		c.CoolDown.Seconds(),
	}
}

// Config returns the configuration of the record; UpdateEvery is not kept.
func (r Record) Config() Config {
	d := func(seconds float64) time.Duration { return time.Duration(math.Round(seconds * float64(time.Second))) }
	return Config{
		Enter: r.Enter, Leave: r.Leave, OpenAfter: d(r.OpenAfter), OpenAtOnce: r.OpenAtOnce,
		CloseAfter: d(r.CloseAfter), MinDuration: d(r.MinDuration), CoolDown: d(r.CoolDown),
	}
}
