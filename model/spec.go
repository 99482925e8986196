// Package model is MemAE for inference (Gong et al., ICCV 2019). A clip of 16 grey frames goes in; its reconstruction
// error comes out, as one number and as a map of the picture. Weights are safetensors files with PyTorch's tensor
// names; PyTorch state dicts can be imported. The only goroutines are those of a Scorer or a Batch. The package never
// logs.
package model

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Frames is the length of a clip, in frames.
const Frames = 16

// How the memory compares queries and slots.
const (
	Dot    = "dot"    // the released code's dot product
	Cosine = "cosine" // the paper's text
)

// How the error map of a clip is reduced to one number.
const (
	MeanAbs = "mean_abs" // the paper's: mean of |x̂-x|
	BlockSq = "block_sq" // the maximum over square windows of the mean of (x̂-x)²
	// BlockMotion multiplies a window's mean of (x̂-x)² by a measure of its speed: the root of the energy of its
	// frame-to-frame changes over that of its difference to the background. It needs the tensor Background.
	BlockMotion = "block_motion"
)

// maxActivation bounds the values of one layer, and so what a file's hyper-parameters can make a Scorer allocate.
const maxActivation = 1 << 29

// Spec holds the hyper-parameters of a network.
type Spec struct {
	Preset     string  // the name in Presets, or empty
	Side       int     // of the square input, in pixels, divisible by 16
	Channels   [4]int  // of the encoder's four levels
	Slots      int     // of the memory; 0 is a plain autoencoder without one
	Lambda     float64 // hard shrinkage, in [0, 1); 0 shrinks nothing
	Addressing string  // Dot or Cosine
	Score      string  // MeanAbs, BlockSq or BlockMotion
	Last       int     // number of frames at the clip's end that are scored; 0 for all
}

// Presets are the named networks, each with λ = 1/slots, dot addressing and the paper's score.
var Presets = []Spec{
	preset("paper", 256, [4]int{96, 128, 256, 256}, 2000),
	preset("accurate", 192, [4]int{16, 32, 64, 96}, 500),
	preset("small", 128, [4]int{16, 32, 64, 96}, 500),
	preset("fast", 128, [4]int{8, 16, 32, 64}, 200),
	preset("tiny", 32, [4]int{8, 8, 16, 16}, 20),
	preset("micro", 16, [4]int{3, 5, 8, 6}, 7),
}

func preset(name string, side int, channels [4]int, slots int) Spec {
	return Spec{
		Preset: name, Side: side, Channels: channels, Slots: slots,
		Lambda: 1 / float64(slots), Addressing: Dot, Score: MeanAbs,
	}
}

// CheckSameNetwork returns an error unless the tensors of other fit the network, whatever their score.
func (s Spec) CheckSameNetwork(other Spec) error {
	if s.Side != other.Side || s.Channels != other.Channels || s.Slots != other.Slots {
		return fmt.Errorf("is a network of side %d with channels %v and %d slots, not one of side %d with channels %v "+
			"and %d slots", other.Side, other.Channels, other.Slots, s.Side, s.Channels, s.Slots)
	}
	if s.Addressing != other.Addressing || s.Lambda != other.Lambda {
		return fmt.Errorf("has %s addressing with lambda %g, not %s addressing with lambda %g", other.Addressing,
			other.Lambda, s.Addressing, s.Lambda)
	}
	return nil
}

// CheckSameLayers returns an error unless the encoder and the decoder of other fit the network. They do so at any side
// and with any memory.
func (s Spec) CheckSameLayers(other Spec) error {
	if s.Channels != other.Channels {
		return fmt.Errorf("has layers of %v channels, not of %v", other.Channels, s.Channels)
	}
	return nil
}

// FindPreset returns the preset with that name; the error lists all names.
func FindPreset(name string) (Spec, error) {
	names := make([]string, len(Presets))
	for i, p := range Presets {
		if p.Preset == name {
			return p, nil
		}
		names[i] = p.Preset
	}
	return Spec{}, fmt.Errorf("preset %q is unknown, known are %s", name, strings.Join(names, ", "))
}

// Validate returns an error that lists every invalid value of s, or nil.
func (s Spec) Validate() error {
	var bad []error
	report := func(format string, args ...any) { bad = append(bad, fmt.Errorf(format, args...)) }
	if s.Side < 16 || s.Side > 1<<14 || s.Side%16 != 0 {
		report("side %d: want a multiple of 16 from 16 to %d", s.Side, 1<<14)
	}
	for i, c := range s.Channels {
		if c < 1 || c > 1<<14 {
			report("channels: level %d has %d, want 1 to %d", i+1, c, 1<<14)
		}
	}
	if s.Slots < 0 || s.Slots > 1<<20 {
		report("slots %d: want 1 to %d, or 0 for no memory", s.Slots, 1<<20)
	}
	// Negated so that a NaN is rejected.
	if !(s.Lambda >= 0 && s.Lambda < 1) {
		report("lambda %v: want at least 0 and below 1", s.Lambda)
	}
	if !slices.Contains([]string{Dot, Cosine}, s.Addressing) {
		report("addressing %q: want %s or %s", s.Addressing, Dot, Cosine)
	}
	if !slices.Contains([]string{MeanAbs, BlockSq, BlockMotion}, s.Score) {
		report("score %q: want %s, %s or %s", s.Score, MeanAbs, BlockSq, BlockMotion)
	}
	if s.Last < 0 || s.Last > Frames {
		report("last %d: want 1 to %d frames at the clip's end that are scored, or 0 for all", s.Last, Frames)
	}
	if len(bad) == 0 {
		for _, l := range s.layers() {
			if n := l.outT * l.outS * l.outS * l.out; n > maxActivation {
				report("side %d with %d channels: %s would have %d values, the limit is %d", s.Side, l.out, l.name, n,
					maxActivation)
				break
			}
		}
	}
	return errors.Join(bad...)
}

// ScoredFrames is the number of frames at the clip's end that are scored.
func (s Spec) ScoredFrames() int {
	if s.Last == 0 {
		return Frames
	}
	return s.Last
}

// Parameters is the number of learned values.
func (s Spec) Parameters() int {
	n := s.Slots * s.Channels[3]
	for _, l := range s.layers() {
		n += l.in*l.out*27 + l.out
		if l.norm != "" {
			n += 2 * l.out
		}
	}
	return n
}
