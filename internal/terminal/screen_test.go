package terminal

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestScreen(t *testing.T) {
	for in, want := range map[string]string{
		"plain, naïve\tand\n":              "plain, naïve\tand\n",
		"\x1b[31mred\x07":                  `\u001b[31mred\u0007`,
		"back\rover":                       `back\u000dover`,
		"C1 \u009b and \u202e turned":      `C1 \u009b and \u202e turned`,
		"deleted\x7f and tagged\U000e0001": `deleted\u007f and tagged\udb40\udc01`,
		"not text \xff\x9b31m":             "not text \ufffd\ufffd31m",
	} {
		// The output does not depend on how a text is split into writes.
		for size := 1; size <= len(in); size++ {
			var out bytes.Buffer
			s := NewScreen(&out)
			for rest := []byte(in); len(rest) > 0; rest = rest[min(size, len(rest)):] {
				if n, err := s.Write(rest[:min(size, len(rest))]); err != nil || n != min(size, len(rest)) {
					t.Fatal(n, err)
				}
			}
			s.Flush()
			if out.String() != want {
				t.Errorf("%q in pieces of %d: %q, want %q", in, size, out.String(), want)
			}
		}
	}
	var out bytes.Buffer
	s := NewScreen(&out)
	text := "a\x7fb\u0085c\u202ed"
	if err := json.NewEncoder(s).Encode(text); err != nil {
		t.Fatal(err)
	}
	var back string
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || back != text {
		t.Errorf("%q, %v", back, err)
	}
}
