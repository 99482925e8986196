// Package errcode is the catalogue of error codes: each error that users see, or state that requires action, has a code
// that never changes, a cause and a remedy. Logs, the command line, messages and docs/errors.md use the same ones.
//
// An error gets its code where it is created, by Code.New or Code.Wrap, and keeps it through %w; its text is unchanged.
// The package imports nothing of vigil, so that every other may import it.
package errcode

import (
	"errors"
	"slices"
)

// Code names an entry of the catalogue, as camera.refused: lower case, with the group before the dot.
type Code string

// Entry describes a code.
type Entry struct {
	Code   Code   `json:"code"`
	Title  string `json:"title"`
	Cause  string `json:"cause"`
	Remedy string `json:"remedy"`
}

// Entries returns the catalogue, by groups.
func Entries() []Entry { return slices.Clone(table) }

// Find returns the entry of a code.
func Find(c Code) (Entry, bool) {
	i := slices.IndexFunc(table, func(e Entry) bool { return e.Code == c })
	if i < 0 {
		return Entry{}, false
	}
	return table[i], true
}

// New returns an error with this code, for example for a sentinel.
func (c Code) New(text string) error { return &coded{c, errors.New(text)} }

// Wrap adds this code to an error; the text is unchanged. It returns nil for nil, and the error itself for an empty
// code.
func (c Code) Wrap(err error) error {
	if err == nil || c == "" {
		return err
	}
	return &coded{c, err}
}

// Default adds this code to an error that has none.
func (c Code) Default(err error) error {
	if Of(err) != "" {
		return err
	}
	return c.Wrap(err)
}

type coded struct {
	code Code
	err  error
}

func (e *coded) Error() string   { return e.err.Error() }
func (e *coded) Unwrap() error   { return e.err }
func (e *coded) ErrorCode() Code { return e.code }

// Of returns the code of an error, the outermost of several, since the wrapper knows more; "" if it has none.
func Of(err error) Code {
	type coder interface {
		error
		ErrorCode() Code
	}
	if c, ok := errors.AsType[coder](err); ok {
		return c.ErrorCode()
	}
	return ""
}

// All returns the codes of joined errors, each once, in order; of a wrapped error only the outermost.
func All(err error) []Code {
	var all []Code
	collect(err, &all)
	return all
}

func collect(err error, all *[]Code) {
	add := func(codes ...Code) {
		for _, c := range codes {
			if c != "" && !slices.Contains(*all, c) {
				*all = append(*all, c)
			}
		}
	}
	//nolint:errorlint // errors.As would find the first of several.
	switch e := err.(type) {
	case interface{ ErrorCodes() []Code }:
		add(e.ErrorCodes()...)
	case interface{ ErrorCode() Code }:
		add(e.ErrorCode())
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			collect(one, all)
		}
	case interface{ Unwrap() error }:
		collect(e.Unwrap(), all)
	}
}
