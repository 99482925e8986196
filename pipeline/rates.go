package pipeline

import (
	"fmt"
	"math"

	"vigil/preprocess"
	"vigil/video"
)

// Rates are a camera's frame rates, in frames a second of stream time.
type Rates struct {
	Asked  float64 // by the settings; 0 for every frame
	Source float64 // of the source, without gaps; 0 while unknown
	Seen   float64 // of the frames that the model sees
}

func (r Rates) String() string {
	asked := "every frame"
	if r.Asked > 0 {
		asked = fmt.Sprintf("%.4g frames a second", r.Asked)
	}
	return fmt.Sprintf("%s asked for, the source has %.4g a second, the model sees %.4g", asked, r.Source, r.Seen)
}

// RatesOf returns the rates of a window with the given setting.
func RatesOf(asked float64, w *preprocess.Window) Rates {
	r := Rates{Asked: asked}
	r.Source, r.Seen = w.Rates()
	return r
}

// noteRates logs the opening's frame rates at its first full cuboid, and stores them if there are no others.
func (w *reader) noteRates(window *preprocess.Window, c *video.Cuboid) {
	if s := window.Stats(); c.Pictures < video.CuboidFrames || s.Cuboids != 1 {
		return
	}
	r := RatesOf(w.FPS, window)
	if w.rated == 0 {
		w.stats.rates.Store(&r)
	}
	w.log.Info("frame rate", "opening", w.generation, "asked", r.Asked, "source", round3(r.Source), "seen",
		round3(r.Seen))
}

// keepRates stores the rates of an opening that has ended, unless a longer one is stored: a few pictures may have
// arrived in a burst.
func (w *reader) keepRates(window *preprocess.Window) {
	n := window.Stats().Pictures
	if n < w.rated || n == 0 {
		return
	}
	w.rated = n
	r := RatesOf(w.FPS, window)
	w.stats.rates.Store(&r)
}

// round3 rounds for the log.
func round3(v float64) float64 { return math.Round(v*1000) / 1000 }
