package main

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progressLine is how often a progress line is printed where there is no terminal to draw a bar on.
const progressLine = 5 * time.Second

// progress shows how far a batch command is: a bar on a terminal, a line every few seconds elsewhere.
type progress struct {
	done  atomic.Int64
	total int
	bar   *progressbar.ProgressBar
	stop  chan struct{}
	lines sync.WaitGroup
}

// newProgress shows progress on w in the given unit; a total of 0 is unknown.
func newProgress(w io.Writer, what, unit string, total int) *progress {
	p := &progress{total: total, stop: make(chan struct{})}
	if f := terminalOf(w); f != nil {
		count := int64(total)
		if count == 0 {
			count = -1
		}
		p.bar = progressbar.NewOptions64(count, progressbar.OptionSetWriter(f), progressbar.OptionSetDescription(what),
			progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString(unit),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(),
			progressbar.OptionFullWidth())
		return p
	}
	began := time.Now()
	p.lines.Go(func() {
		tick := time.NewTicker(progressLine)
		defer tick.Stop()
		for {
			select {
			case <-p.stop:
				return
			case <-tick.C:
				n := p.done.Load()
				of := ""
				if total > 0 {
					of = fmt.Sprintf(" of %d", total)
				}
				fmt.Fprintf(w, "%s: %d%s %s, %.3g %s/s\n", what, n, of, unit, float64(n)/time.Since(began).Seconds(),
					unit)
			}
		}
	})
	return p
}

func (p *progress) add() {
	p.done.Add(1)
	if p.bar != nil {
		// A bar that cannot be drawn is no reason to stop the work.
		_ = p.bar.Add(1)
	}
}

// clear takes the bar off the terminal, so that a line can be printed in its place; the next add draws it again.
func (p *progress) clear() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}

func (p *progress) finish() {
	close(p.stop)
	p.lines.Wait()
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
