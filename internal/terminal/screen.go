package terminal

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

// Screen is standard output or standard error. Control characters are written as JSON escapes. Several goroutines may
// write.
type Screen struct {
	mu   sync.Mutex
	w    io.Writer
	part []byte // incomplete character at the end of the last write
}

// NewScreen returns a Screen that writes to w.
func NewScreen(w io.Writer) *Screen { return &Screen{w: w} }

// Write writes escaped text; an incomplete character at the end is held until its rest is written.
func (s *Screen) Write(b []byte) (int, error) {
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
	if _, err := io.WriteString(s.w, EscapeText(text)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Flush writes an incomplete character.
func (s *Screen) Flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.part) > 0 {
		_, _ = io.WriteString(s.w, EscapeText(s.part)) // the program ends
		s.part = nil
	}
}

// cutCharacter returns how many bytes at the end of a text are an incomplete character.
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

// EscapeText is Escape with JSON's escapes, so that a string within JSON keeps its meaning.
func EscapeText(b []byte) string {
	s := string(b)
	if !strings.ContainsFunc(s, IsControl) && utf8.ValidString(s) {
		return s
	}
	var out strings.Builder
	for _, r := range s { // invalid bytes become U+FFFD
		if !IsControl(r) {
			out.WriteRune(r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(&out, `\u%04x`, unit)
		}
	}
	return out.String()
}

// Of returns the terminal that w writes to, nil if it is not one.
func Of(w io.Writer) *os.File {
	if s, ok := w.(*Screen); ok {
		w = s.w
	}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return f
	}
	return nil
}
