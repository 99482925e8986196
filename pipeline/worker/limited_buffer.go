package worker

import (
	"strings"
	"sync"
	"unicode"
)

// limitedBuffer keeps the beginning of what is written to it, where a crash states its cause.
type limitedBuffer struct {
	mu   sync.Mutex
	text []byte
}

const maxStderr = 2 << 10

func (b *limitedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text = append(b.text, p[:min(len(p), maxStderr-len(b.text))]...)
	return len(p), nil
}

func (b *limitedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.text)
}

// singleLine makes one line of at most maxBytes of untrusted text.
func singleLine(s string, maxBytes int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(s, "?"))
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > maxBytes {
		s = strings.ToValidUTF8(s[:maxBytes], "") + " ..."
	}
	return s
}
