// Package terminal prevents foreign text (names of files, cameras and tags, errors) from controlling the terminal.
package terminal

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Printable quotes a name with unprintable characters.
func Printable(s string) string {
	if quoted := strconv.Quote(s); quoted != `"`+s+`"` {
		return quoted
	}
	return s
}

// Escape escapes control characters, and those that change the direction of text, in Go string syntax. Line ends and
// tabs stay.
func Escape(s string) string {
	if !strings.ContainsFunc(s, IsControl) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case IsControl(r):
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// EscapeJSON escapes them in the strings of a JSON text, whose meaning is unchanged.
func EscapeJSON(text []byte) []byte {
	if s := string(text); strings.ContainsFunc(s, IsControl) || !utf8.ValidString(s) {
		var b strings.Builder
		for _, r := range s {
			if IsControl(r) {
				for _, unit := range utf16.AppendRune(nil, r) {
					fmt.Fprintf(&b, `\u%04x`, unit)
				}
				continue
			}
			b.WriteRune(r)
		}
		return []byte(b.String())
	}
	return text
}

// IsControl reports whether r may control a terminal: control characters except line ends and tabs, and those that
// change the direction of text.
func IsControl(r rune) bool {
	return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r))
}
