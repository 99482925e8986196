package terminal

import "testing"

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"plain, äöü 日本":  "plain, äöü 日本",
		"two\nlines\t.":  "two\nlines\t.",
		"\x1b[2J\a\r":    `\x1b[2J\a\r`,
		"\u009b2J\x7f":   `\u009b2J\x7f`,
		"a\u202eb\u2066": `a\u202eb\u2066`,
		"\x9b2J":         `\x9b2J`,
		"\ufffd":         "\ufffd",
	} {
		if got := Escape(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		`{"a":"b"}`:                        `{"a":"b"}`,
		"{\"a\":\"\u009b2J\x7f\"}":         `{"a":"\u009b2J\u007f"}`,
		"{\"a\":\"\u202e\U000e0001\x9b\"}": `{"a":"\u202e\udb40\udc01` + "\ufffd\"}",
	} {
		if got := string(EscapeJSON([]byte(in))); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}
