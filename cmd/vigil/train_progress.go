package main

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"

	"vigil/model/train"
)

// trainProgress shows how far a training run is: a bar on a terminal, a line every few seconds elsewhere, and a line
// for each look at the held-out clips.
type trainProgress struct {
	w     io.Writer
	out   string
	slots int
	bar   *progressbar.ProgressBar // nil where there is no terminal
	said  time.Time
	loss  float64 // of the last steps, the older the less
	begun bool    // loss is of at least one step
}

func newTrainProgress(w io.Writer, out string, slots int) *trainProgress {
	p := &trainProgress{w: w, out: out, slots: slots, said: time.Now()}
	if f := terminalOf(w); f != nil {
		p.bar = progressbar.NewOptions(1, progressbar.OptionSetWriter(f), progressbar.OptionSetDescription("train"),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(),
			progressbar.OptionFullWidth(),
			progressbar.OptionSetPredictTime(false))
	}
	return p
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
	if p.bar != nil {
		if s.Steps > 0 {
			p.bar.ChangeMax(s.Steps)
		}
		p.bar.Describe(text)
		// A bar that cannot be drawn is no reason to stop the work.
		_ = p.bar.Set(min(s.Step, max(s.Steps, 1)))
	} else if time.Since(p.said) >= progressLine {
		p.said = time.Now()
		of := ""
		if s.Steps > 0 {
			of = fmt.Sprintf(" of %d", s.Steps)
		}
		fmt.Fprintf(p.w, "train: step %d%s, %s\n", s.Step, of, text)
	}
	if s.Validation == nil {
		return
	}
	kept := ""
	if s.Best {
		kept = "; the best so far, kept in " + p.out
	}
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	fmt.Fprintf(p.w, "epoch %.1f of %.1f: held-out %s%s\n", s.Epoch, s.Epochs, watchText(*s.Validation), kept)
}

func (p *trainProgress) finish() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}

// watchText says how held-out clips score.
func watchText(w train.Validation) string {
	if !w.HasAUC() {
		return fmt.Sprintf("loss %.5f, normal clips score %.4g", w.Loss, w.Normal)
	}
	return fmt.Sprintf("loss %.5f, normal clips score %.4g, sped-up ones %.4g, AUC between them %.3f", w.Loss, w.Normal,
		w.Pseudo, w.AUC)
}
