package main

import (
	"fmt"
	"io"
	"time"

	"vigil/internal/progress"
	"vigil/model/train"
)

// trainProgress shows how far a training run is, and a line for each look at the held-out clips.
type trainProgress struct {
	w     io.Writer
	out   string
	slots int
	bar   *progress.Bar
	loss  float64 // of the last steps, the older the less
	begun bool    // loss is of at least one step
}

func newTrainProgress(w io.Writer, out string, slots int) *trainProgress {
	return &trainProgress{w: w, out: out, slots: slots, bar: progress.NewSteps(w, "train")}
}

// lossMemory is how much of the shown loss a step leaves of the one before.
const lossMemory = 0.95

func (p *trainProgress) show(s train.Progress) {
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
	p.bar.Clear()
	fmt.Fprintf(p.w, "epoch %.1f of %.1f: held-out %s%s\n", s.Epoch, s.Epochs, watchText(*s.Validation), kept)
}

func (p *trainProgress) finish() { p.bar.Finish() }

// watchText says how held-out clips score.
func watchText(w train.Validation) string {
	if !w.HasAUC() {
		return fmt.Sprintf("loss %.5f, normal clips score %.4g", w.Loss, w.Normal)
	}
	return fmt.Sprintf("loss %.5f, normal clips score %.4g, sped-up ones %.4g, AUC between them %.3f", w.Loss, w.Normal,
		w.Pseudo, w.AUC)
}
