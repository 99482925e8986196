package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"vigil/internal/errcode"
)

// Errors are all problems of a configuration, in the order of the file.
type Errors struct {
	File     string // the configuration file; may be empty
	Problems []Problem
}

// Problem is one problem.
type Problem struct {
	Key  string       // full key, as cameras[1].hop; empty for the file as a whole
	Line int          // in the file, from 1; 0 if unknown
	Text string       // the problem and the expected value
	Code errcode.Code // of the catalogue; empty for errcode.ConfigBadValue

	got string // the part of Text that is the value itself
}

// maxShown is how many problems a message lists: more than anybody fixes at once.
const maxShown = 100

// Error has one line for each problem, after a line with their number if there are several.
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

// ErrorCodes returns the codes of the problems, each once.
func (e *Errors) ErrorCodes() (all []errcode.Code) {
	for _, p := range e.Problems {
		if c := cmp.Or(p.Code, errcode.ConfigBadValue); !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	return all
}

// ErrorCode returns the code of the first problem.
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

// err returns nil if there are no problems.
func (e *Errors) err() error {
	if len(e.Problems) == 0 {
		return nil
	}
	return e
}
