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
	Source float64 // of the source, without its gaps; 0 while it is not known
	Seen   float64 // of the frames that the model sees
}

func (r Rates) String() string {
	asked := "every frame"
	if r.Asked > 0 {
		asked = fmt.Sprintf("%.4g frames a second", r.Asked)
	}
	return fmt.Sprintf("%s asked for, the source has %.4g a second, the model sees %.4g", asked, r.Source, r.Seen)
}

// RatesOf gives the rates of a window that was asked for so many frames a second.
func RatesOf(asked float64, w *preprocess.Window) Rates {
	r := Rates{Asked: asked}
	r.Source, r.Seen = w.Rates()
	return r
}

// noteRates logs the opening's frame rates with its first whole cuboid, and keeps them while there are no others.
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

// keepRates keeps the rates of an opening that is over, unless a longer one says more: a few pictures may have come in
// a burst.
func (w *reader) keepRates(window *preprocess.Window) {
	n := window.Stats().Pictures
	if n < w.rated || n == 0 {
		return
	}
	w.rated = n
	r := RatesOf(w.FPS, window)
	w.stats.rates.Store(&r)
}

// round3 is for a log.
func round3(v float64) float64 { return math.Round(v*1000) / 1000 }
