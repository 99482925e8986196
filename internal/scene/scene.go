// Package scene draws a street as a fixed surveillance camera would see it, with labels.
//
// Its input is a Config, its output BGR frames and their Truth. Everything is a pure function of the Config's seed and
// the frame number: frames can be drawn in any order, labels are available without drawing, and an anomaly does not
// change the normal scene around it.
package scene

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Kind is a kind of anomaly.
type Kind uint8

// The kinds of anomalies.
const (
	Cyclist Kind = iota
	Cart
	Runner
	Fall
	kinds
)

// Kinds lists every kind once.
func Kinds() []Kind { return []Kind{Cyclist, Cart, Runner, Fall} }

// String is the kind's name in lower case.
func (k Kind) String() string {
	if k >= kinds {
		return fmt.Sprintf("kind(%d)", uint8(k))
	}
	return [kinds]string{"cyclist", "cart", "runner", "fall"}[k]
}

// Moment is a scripted anomaly: At is the stream time at which a cyclist, cart or runner reaches the edge of the frame,
// or a walker begins to fall.
type Moment struct {
	Kind Kind
	At   time.Duration
}

// Config describes a street. The zero value is a normal street of 320x240 pixels at 12.5 frames per second: a cuboid of
// 16 frames then spans 1.28 s, a little more than a full gait cycle.
type Config struct {
	// Seed determines everything that is random.
	Seed uint64
	// Day changes people, anomalies, noise and light, but not the place: train on one day and test on another.
	Day uint64
	// Width and Height are in pixels, 0 for 320x240; 32 to 4096.
	Width, Height int
	// FPS is in frames a second, 0 for 12.5; 1 to 120.
	FPS float64
	// Script lists the anomalies. With a script, Rate must be 0.
	Script []Moment
	// Rate is the number of anomalies per minute, at times and of kinds drawn from the seed; 0 to 4. Every kind occurs
	// once before any is repeated.
	Rate float64
	// Screen adds a screen on the houses that changes its content three times per second: normal, but never static.
	Screen bool
	// Quality is the camera's JPEG quality, 0 for 80; 1 to 100.
	Quality int
	// View is the camera's; the zero value looks from 7 m down a long lens, in which people are 1/5 to 1/3 of the frame
	// high.
	View View
	// Calm scales the time between two arrivals, 0 for 1; 0.3 to 5.
	Calm float64
	// Clean omits the sensor's noise and the compression.
	Clean bool
}

// withDefaults fills in the defaults and returns an error for invalid values.
func (c Config) withDefaults() (Config, error) {
	if c.Width == 0 && c.Height == 0 {
		c.Width, c.Height = 320, 240
	}
	if c.FPS == 0 {
		c.FPS = 12.5
	}
	if c.Quality == 0 {
		c.Quality = 80
	}
	if c.View == (View{}) {
		c.View = defaultView
	}
	if c.Calm == 0 {
		c.Calm = 1
	}
	switch {
	case !c.View.valid():
		return c, fmt.Errorf(
			"street seen from %+v: height must be from 3 to 15, pitch from 5 to 45, focal length from "+
				"1 to 4", c.View)
	case !(c.Calm >= 0.3 && c.Calm <= 5):
		return c, fmt.Errorf("street with arrivals %v times as far apart: must be from 0.3 to 5", c.Calm)
	case c.Width < 32 || c.Width > 4096 || c.Height < 32 || c.Height > 4096:
		return c, fmt.Errorf("street of %dx%d pixels: each side must be from 32 to 4096", c.Width, c.Height)
	case !(c.FPS >= 1 && c.FPS <= 120):
		return c, fmt.Errorf("street at %v frames a second: must be from 1 to 120", c.FPS)
	case c.Quality < 1 || c.Quality > 100:
		return c, fmt.Errorf("street with JPEG quality %d: must be from 1 to 100", c.Quality)
	case !(c.Rate >= 0 && c.Rate <= 4):
		return c, fmt.Errorf("street with %v abnormal moments a minute: must be from 0 to 4", c.Rate)
	case c.Rate > 0 && len(c.Script) > 0:
		return c, fmt.Errorf("street with both a script and a rate of abnormal moments: give one of them")
	}
	for i, m := range c.Script {
		if m.Kind >= kinds {
			return c, fmt.Errorf("script, moment %d: unknown %v", i, m.Kind)
		}
		if m.At < 0 {
			return c, fmt.Errorf("script, moment %d (%v): %v is before the start", i, m.Kind, m.At)
		}
	}
	return c, nil
}

// Random number streams are independent: another draw from one of them does not affect the others.
const (
	rngCrowd = iota + 1
	rngLight
	rngNoise
	rngGround
	rngKinds
	rngMoment
	rngScreen
)

// daySeed is the seed of everything that changes from day to day.
func (c Config) daySeed() uint64 { return c.Seed + c.Day*0x9e3779b97f4a7c15 }

// rngFor returns the random number generator for the index-th object of a purpose.
func rngFor(seed uint64, purpose, index int) *rand.Rand {
	return rand.New(rand.NewPCG(seed, uint64(purpose)<<40|uint64(index)&(1<<40-1)))
}

// uniform draws uniformly from [lo, hi).
func uniform(r *rand.Rand, lo, hi float64) float64 { return lo + (hi-lo)*r.Float64() }
