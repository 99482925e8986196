package main

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// printable keeps names that come from elsewhere from steering the terminal.
func printable(s string) string {
	if quoted := strconv.Quote(s); quoted != `"`+s+`"` {
		return quoted
	}
	return s
}

// harmless writes what would steer a terminal, or turn the direction of what is read, as Go writes it in a string.
// Line ends and tabs stay.
func harmless(s string) string {
	if !strings.ContainsFunc(s, steers) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case steers(r):
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// harmlessJSON does the same within the texts of JSON, which say what they said before. What is no text has no such
// characters.
func harmlessJSON(text []byte) []byte {
	if s := string(text); strings.ContainsFunc(s, steers) || !utf8.ValidString(s) {
		var b strings.Builder
		for _, r := range s {
			if steers(r) {
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

// steers says whether a terminal may take r for an order: control characters but line ends and tabs, and those that
// change the direction.
func steers(r rune) bool {
	return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r))
}
