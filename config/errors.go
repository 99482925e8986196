package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"vigil/internal/errcode"
)

// Errors is everything that is wrong with a configuration, in the order of the file.
type Errors struct {
	File     string // the configuration file, or empty
	Problems []Problem
}

// Problem is one thing that is wrong.
type Problem struct {
	Key  string       // in full, as cameras[1].hop; empty where the file as a whole is meant
	Line int          // in the file, from 1; 0 where there is none
	Text string       // what is wrong, and what would be right
	Code errcode.Code // of the catalogue; empty for errcode.ConfigBadValue

	got string // the part of Text that is the value itself
}

// maxShown is how many problems a message has: more than anybody mends at once.
const maxShown = 100

// Error has one line for each problem, below a line with their number where they are several.
func (e *Errors) Error() string {
	var lines []string
	for _, p := range e.Problems[:min(len(e.Problems), maxShown)] {
		lines = append(lines, e.line(p))
	}
	if len(e.Problems) == 1 {
		return lines[0]
	}
	if more := len(e.Problems) - len(lines); more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	what := "the configuration"
	if e.File != "" {
		what = e.File
	}
	return fmt.Sprintf("%s has %d problems:\n%s", what, len(e.Problems), strings.Join(lines, "\n"))
}

// ErrorCodes are those of its problems, each once.
func (e *Errors) ErrorCodes() (all []errcode.Code) {
	for _, p := range e.Problems {
		if c := cmp.Or(p.Code, errcode.ConfigBadValue); !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	return all
}

// ErrorCode is that of its first problem.
func (e *Errors) ErrorCode() errcode.Code { return e.ErrorCodes()[0] }

func (e *Errors) line(p Problem) string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File + ":")
		if p.Line > 0 {
			fmt.Fprintf(&b, "%d:", p.Line)
		}
		b.WriteByte(' ')
	}
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	return b.String() + p.Text
}

// err is nil where there is no problem.
func (e *Errors) err() error {
	if len(e.Problems) == 0 {
		return nil
	}
	return e
}
