package damage

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// journal is a log that a test reads.
type journal struct {
	mu    sync.Mutex
	lines []line
}

type line struct {
	level slog.Level
	text  string
	attrs map[string]string
}

func (j *journal) logger() *slog.Logger { return slog.New(&journalHandler{j: j}) }

// journalHandler is a handler of a journal.
type journalHandler struct {
	j    *journal
	with []slog.Attr
}

func (p *journalHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }

func (p *journalHandler) WithGroup(string) slog.Handler { return p }

func (p *journalHandler) WithAttrs(more []slog.Attr) slog.Handler {
	return &journalHandler{j: p.j, with: append(slices.Clip(p.with), more...)}
}

func (p *journalHandler) Handle(_ context.Context, r slog.Record) error {
	l := line{level: r.Level, text: r.Message, attrs: map[string]string{}}
	add := func(a slog.Attr) bool {
		l.attrs[a.Key] = a.Value.String()
		return true
	}
	for _, a := range p.with {
		add(a)
	}
	r.Attrs(add)
	p.j.mu.Lock()
	defer p.j.mu.Unlock()
	p.j.lines = append(p.j.lines, l)
	return nil
}

// Messages of the log lines that report damage.
const (
	msgLost     = "alerts are missing from the store"
	msgRepaired = "the store was damaged and is repaired"
	msgOther    = "messages are missing from the store"
)

func (j *journal) find(texts ...string) (found []line) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, l := range j.lines {
		for _, text := range texts {
			if l.text == text {
				found = append(found, l)
			}
		}
	}
	return found
}

// losses returns the lines that report missing messages of any stream.
func (j *journal) losses() []line { return j.find(msgLost, msgOther) }

// missing returns the numbers of alerts reported as missing, and an error for inconsistent reports.
func (j *journal) missing() (numbers map[uint64]bool, wrong error) {
	numbers = map[uint64]bool{}
	for _, l := range j.find(msgLost) {
		n := 0
		for part := range strings.SplitSeq(l.attrs["numbers"], ",") {
			from, to, isRange := strings.Cut(strings.TrimSpace(part), "-")
			if !isRange {
				to = from
			}
			first, err := strconv.ParseUint(from, 10, 64)
			last, err2 := strconv.ParseUint(to, 10, 64)
			if err != nil || err2 != nil || last < first || last-first > 1<<20 {
				return numbers, fmt.Errorf("numbers %q", l.attrs["numbers"])
			}
			for seq := first; seq <= last; seq++ {
				numbers[seq] = true
				n++
			}
		}
		if l.attrs["missing"] != strconv.Itoa(n) {
			return numbers, fmt.Errorf("missing=%s where numbers=%s are %d", l.attrs["missing"], l.attrs["numbers"], n)
		}
		if l.level != slog.LevelError {
			return numbers, fmt.Errorf("a loss is logged at level %v", l.level)
		}
	}
	return numbers, nil
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var b strings.Builder
	for _, l := range j.lines {
		fmt.Fprintln(&b, l.level, l.text, l.attrs)
	}
	return b.String()
}
