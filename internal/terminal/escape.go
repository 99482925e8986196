// Package terminal keeps text that comes from elsewhere (names of files, cameras and tags, errors) from controlling the
// terminal that it is printed on.
package terminal

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Printable quotes a name that has characters which are not printable.
func Printable(s string) string {
	if quoted := strconv.Quote(s); quoted != `"`+s+`"` {
		return quoted
	}
	return s
}

// Escape writes control characters, and those that change the direction of text, as Go writes them in a string. Line
// ends and tabs stay.
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

// EscapeJSON escapes them in the strings of a JSON text, whose meaning stays the same.
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

// IsControl says whether r may control a terminal: control characters but line ends and tabs, and those that change the
// direction of text.
func IsControl(r rune) bool {
	return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r))
}
