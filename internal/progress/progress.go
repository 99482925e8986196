// Package progress shows the progress of a batch command: a bar on a terminal, a line every few seconds elsewhere.
package progress

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"vigil/internal/terminal"
)

// lineEvery is the interval of lines without a terminal.
const lineEvery = 5 * time.Second

// Bar shows the progress of one command. Several goroutines may use it. While it is there, what else is printed to the
// same writer goes through the Bar, which is a writer too.
type Bar struct {
	bar   *progressbar.ProgressBar // nil without a terminal
	out   sync.Mutex               // held while w is written to
	w     io.Writer
	mu    sync.Mutex
	state state
	stop  chan struct{}
	lines sync.WaitGroup
}

type state struct {
	done, total int
	text        string
}

// New counts in the given unit and shows the rate; a total of 0 is unknown.
func New(w io.Writer, what, unit string, total int) *Bar {
	count := total
	if count == 0 {
		count = -1
	}
	began := time.Now()
	return start(w, what, state{total: total}, count, func(s state) string {
		rate := float64(s.done) / time.Since(began).Seconds()
		return fmt.Sprintf("%d%s %s, %.3g %s/s", s.done, s.of(), unit, rate, unit)
	}, progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString(unit))
}

// NewSteps shows steps with a text, both given to Set.
func NewSteps(w io.Writer, what string) *Bar {
	return start(w, what, state{}, 1, func(s state) string {
		if s.text == "" {
			return ""
		}
		return fmt.Sprintf("step %d%s, %s", s.done, s.of(), s.text)
	}, progressbar.OptionSetPredictTime(false))
}

func (s state) of() string {
	if s.total > 0 {
		return fmt.Sprintf(" of %d", s.total)
	}
	return ""
}

func start(w io.Writer, what string, first state, count int, line func(state) string, opts ...progressbar.Option) *Bar {
	b := &Bar{w: w, state: first, stop: make(chan struct{})}
	if f := terminal.Of(w); f != nil {
		b.bar = progressbar.NewOptions(count, append(opts, progressbar.OptionSetWriter(f),
			progressbar.OptionSetDescription(what), progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionClearOnFinish(), progressbar.OptionFullWidth())...)
		return b
	}
	b.lines.Go(func() {
		tick := time.NewTicker(lineEvery)
		defer tick.Stop()
		for {
			select {
			case <-b.stop:
				return
			case <-tick.C:
				b.mu.Lock()
				text := line(b.state)
				b.mu.Unlock()
				if text != "" {
					b.out.Lock()
					fmt.Fprintf(w, "%s: %s\n", what, text)
					b.out.Unlock()
				}
			}
		}
	})
	return b
}

// Add counts one more.
func (b *Bar) Add() {
	b.mu.Lock()
	b.state.done++
	b.mu.Unlock()
	if b.bar != nil {
		// A bar that cannot be drawn must not stop the work.
		_ = b.bar.Add(1)
	}
}

// Set shows that step done of total was completed, and a text; a total of 0 is unknown.
func (b *Bar) Set(done, total int, text string) {
	b.mu.Lock()
	b.state = state{done, total, text}
	b.mu.Unlock()
	if b.bar == nil {
		return
	}
	if total > 0 {
		b.bar.ChangeMax(total)
	}
	b.bar.Describe(text)
	_ = b.bar.Set(min(done, max(total, 1))) // as in Add
}

// Clear removes the bar from the terminal, so that a line can be printed in its place; the next Add or Set draws it
// again.
func (b *Bar) Clear() {
	if b.bar != nil {
		_ = b.bar.Clear() // as in Add
	}
}

// Write prints lines in the bar's place; the next Add or Set draws it again.
func (b *Bar) Write(lines []byte) (int, error) {
	b.Clear()
	b.out.Lock()
	defer b.out.Unlock()
	return b.w.Write(lines)
}

// Finish removes the bar permanently.
func (b *Bar) Finish() {
	close(b.stop)
	b.lines.Wait()
	if b.bar != nil {
		_ = b.bar.Finish() // as in Add
	}
}
