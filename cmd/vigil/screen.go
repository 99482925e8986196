package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/term"
)

// screen is standard output or standard error. What would steer a terminal, or turn the direction of what is read, is
// written as JSON writes it, whoever printed it: names of files, cameras and tags come from elsewhere, and so do
// errors. One goroutine at a time writes.
type screen struct {
	mu   sync.Mutex
	w    io.Writer
	part []byte // the beginning of a character whose rest has not come yet
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := b
	if len(s.part) > 0 {
		text = slices.Concat(s.part, b)
		s.part = nil
	}
	if n := len(text) - cutCharacter(text); n < len(text) {
		s.part = append([]byte(nil), text[n:]...)
		text = text[:n]
	}
	if _, err := io.WriteString(s.w, plainText(text)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// flush writes what never became a character.
func (s *screen) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.part) > 0 {
		_, _ = io.WriteString(s.w, plainText(s.part)) // the program ends
		s.part = nil
	}
}

// cutCharacter is how many bytes at the end of a text are the beginning of a character.
func cutCharacter(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if c := b[len(b)-n]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(b[len(b)-n:]) {
				return n
			}
			return 0
		}
	}
	return 0
}

// plainText is harmless with escapes that JSON has too, so that a text within JSON says what it said.
func plainText(b []byte) string {
	s := string(b)
	if !strings.ContainsFunc(s, steers) && utf8.ValidString(s) {
		return s
	}
	var out strings.Builder
	for _, r := range s { // what is no character becomes U+FFFD
		if !steers(r) {
			out.WriteRune(r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(&out, `\u%04x`, unit)
		}
	}
	return out.String()
}

// terminalOf is the terminal that w writes to, for what draws on it, or nil.
func terminalOf(w io.Writer) *os.File {
	if s, ok := w.(*screen); ok {
		w = s.w
	}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return f
	}
	return nil
}
