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
func RatesOf(asked float64, window *preprocess.Window) Rates {
	rates := Rates{Asked: asked}
	rates.Source, rates.Seen = window.Rates()
	return rates
}

// logRates logs the opening's frame rates at its first full cuboid, and stores them if there are no others.
func (r *reader) logRates(window *preprocess.Window, c *video.Cuboid) {
	if s := window.Stats(); c.Pictures < video.CuboidFrames || s.Cuboids != 1 {
		return
	}
	rates := RatesOf(r.FPS, window)
	if r.ratedPictures == 0 {
		r.stats.rates.Store(&rates)
	}
	r.log.Info("frame rate", "opening", r.generation, "asked", rates.Asked, "source", round3(rates.Source), "seen",
		round3(rates.Seen))
}

// storeRates stores the rates of an opening that has ended, unless a longer one is stored: a few pictures may have
// arrived in a burst.
func (r *reader) storeRates(window *preprocess.Window) {
	n := window.Stats().Pictures
	if n < r.ratedPictures || n == 0 {
		return
	}
	r.ratedPictures = n
	rates := RatesOf(r.FPS, window)
	r.stats.rates.Store(&rates)
}

// round3 rounds for the log.
func round3(v float64) float64 { return math.Round(v*1000) / 1000 }
