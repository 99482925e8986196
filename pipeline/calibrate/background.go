package calibrate

import (
	"fmt"

	"vigil/internal/median"
)

// Background is the scene of a camera without moving objects, for weights that know no place of their own.
type Background struct {
	Side int    `json:"side"` // of the model's picture
	Grey []byte `json:"grey"` // [Side][Side] grey levels, row-major
}

// Scaled returns the background in [-1, 1], as the model's input; nil for none.
func (b *Background) Scaled() []float32 {
	if b == nil {
		return nil
	}
	out := make([]float32, len(b.Grey))
	for i, v := range b.Grey {
		out[i] = float32(v)/127.5 - 1
	}
	return out
}

func (b *Background) check() error {
	if b == nil || b.Side > 0 && len(b.Grey)/b.Side == b.Side && len(b.Grey)%b.Side == 0 {
		return nil
	}
	return fmt.Errorf("the background has %d pixels, must have %d x %d", len(b.Grey), b.Side, b.Side)
}

// maxBackgroundPictures is the most pictures that a background is the median of; 128² pixels of each are 16 MiB in all.
const maxBackgroundPictures = 1024

// BackgroundLearner learns a camera's background from its pictures, evenly spread over the video however long it is.
// The zero value is empty.
type BackgroundLearner struct {
	kept  [][]byte
	every int // pictures for each that is kept
	seen  int
}

// Add adds a picture, of which it keeps no reference.
func (l *BackgroundLearner) Add(grey []byte) {
	l.every = max(l.every, 1)
	if l.seen++; (l.seen-1)%l.every != 0 {
		return
	}
	if len(l.kept) == maxBackgroundPictures {
		for i := range maxBackgroundPictures / 2 {
			l.kept[i], l.kept[2*i] = l.kept[2*i], l.kept[i]
		}
		l.kept = l.kept[:maxBackgroundPictures/2]
		l.every *= 2
		// As many were seen as fill the pictures that are left.
		if (l.seen-1)%l.every != 0 {
			return
		}
	}
	l.kept = append(l.kept, append([]byte(nil), grey...))
}

// Background returns the median of the pictures, which are [side][side]; an error without any.
func (l *BackgroundLearner) Background(side int) (*Background, error) {
	if len(l.kept) == 0 {
		return nil, fmt.Errorf("there is no picture to learn the empty scene from")
	}
	b := &Background{Side: side, Grey: make([]byte, side*side)}
	median.Background(b.Grey, l.kept)
	return b, nil
}
