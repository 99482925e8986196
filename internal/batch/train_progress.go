package batch

import (
	"fmt"
	"io"
	"time"

	"vigil/internal/progress"
	"vigil/model/train"
)

// TrainProgress shows the progress of a training run, and a line for each validation.
type TrainProgress struct {
	out   string
	slots int
	bar   *progress.Bar
	loss  float64 // moving average
	begun bool    // loss has at least one step
}

// NewTrainProgress shows on w a run that writes its weights to the file out and has so many slots.
func NewTrainProgress(w io.Writer, out string, slots int) *TrainProgress {
	return &TrainProgress{out: out, slots: slots, bar: progress.NewSteps(w, "train")}
}

// lossMemory is the weight of the previous average in the shown loss.
const lossMemory = 0.95

// Show is the Progress callback of a train.Config.
func (p *TrainProgress) Show(s train.Progress) {
	if !p.begun {
		p.loss, p.begun = s.Loss, true
	}
	p.loss = lossMemory*p.loss + (1-lossMemory)*s.Loss
	text := fmt.Sprintf("loss %.5f, %.0f %% zero rows, %d of %d slots used, %.3g clips/s", p.loss, 100*s.ZeroRows,
		s.SlotsUsed, p.slots, s.ClipsPerSecond)
	if s.Left > 0 {
		text += ", " + s.Left.Round(time.Second).String() + " left"
	}
	p.bar.Set(s.Step, s.Steps, text)
	if s.Validation == nil {
		return
	}
	kept := ""
	if s.Best {
		kept = "; the best so far, kept in " + p.out
	}
	fmt.Fprintf(p.bar, "epoch %.1f of %.1f: held-out %s%s\n", s.Epoch, s.Epochs, s.Validation, kept)
}

// Finish removes the progress bar.
func (p *TrainProgress) Finish() { p.bar.Finish() }
