package batch

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"vigil/pipeline"
)

// Rates are the frame rates of recordings: requested, of the source, and seen by the model.
type Rates struct {
	rates []string            // as text, each once
	names map[string][]string // recordings with each rate
}

func (l *Rates) add(name string, r pipeline.Rates) {
	text := r.String()
	if l.names == nil {
		l.names = map[string][]string{}
	}
	if !slices.Contains(l.rates, text) {
		l.rates = append(l.rates, text)
	}
	l.names[text] = append(l.names[text], name)
}

// maxNames is how many recordings a line names.
const maxNames = 3

// Print prints a line for each rate.
func (l *Rates) Print(w io.Writer, what string) {
	for _, text := range l.rates {
		of := ""
		if names := l.names[text]; len(l.rates) > 1 {
			of = strings.Join(names[:min(len(names), maxNames)], ", ")
			if more := len(names) - maxNames; more > 0 {
				of += fmt.Sprintf(" and %d more", more)
			}
			of += ": "
		}
		fmt.Fprintf(w, "%s: %s%s\n", what, of, text)
	}
}
