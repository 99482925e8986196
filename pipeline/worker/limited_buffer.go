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

func (h *limitedBuffer) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.text = append(h.text, p[:min(len(p), maxStderr-len(h.text))]...)
	return len(p), nil
}

func (h *limitedBuffer) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return string(h.text)
}

// plain makes one line of at most most bytes of untrusted text.
func plain(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(s, "?"))
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + " ..."
	}
	return s
}
