package source

import (
	"encoding/hex"
	"regexp"
	"strings"
)

// shingleLen is the length from which a piece of a text that is also in the hidden part of the address is taken for a
// part of a secret. Shorter ones are found in any text.
const shingleLen = 5

// Scrub hides in a text that something else wrote, as a library's message, whatever the address has and String does not
// show, also as it is when unescaped. It does not ask what is a secret: that depends on who cuts the address where.
func (a Address) Scrub(text string) string {
	raw, shown := a.Reveal(), a.String()
	if raw == shown || text == "" {
		return text
	}
	for _, short := range shortSecrets(raw) {
		switch {
		case !strings.Contains(text, short):
		case len(short) < shingleLen-2:
			return redacted + " (the text is not shown: it may hold the password)"
		default:
			text = strings.ReplaceAll(text, short, redacted)
		}
	}
	grams := map[string]bool{}
	for _, s := range []string{raw, Unescape(raw)} {
		for i := range len(s) - shingleLen + 1 {
			if g := s[i : i+shingleLen]; !strings.Contains(shown, g) {
				grams[g] = true
			}
		}
	}
	var b strings.Builder
	end := 0 // of what is hidden
	for i := range len(text) {
		if i+shingleLen <= len(text) && grams[text[i:i+shingleLen]] {
			if i >= end {
				b.WriteString(redacted)
			}
			end = i + shingleLen
		}
		if i >= end {
			b.WriteByte(text[i])
		}
	}
	return b.String()
}

// shortValue is a short password in a login, or behind a name that speaks of one.
var shortValue = regexp.MustCompile(
	`(?i)(?:://[^/:@]*:([^/]+)@|(?:pass|passwd|password|pwd|pw|secret|token|key)=([^/@&?#;_=]+))`)

// shortSecrets gives the passwords that are too short to have a gram of their own.
func shortSecrets(raw string) []string {
	var found []string
	for _, m := range shortValue.FindAllStringSubmatch(raw, -1) {
		for _, s := range []string{m[1], m[2], Unescape(m[1]), Unescape(m[2])} {
			if s != "" && len(s) < shingleLen {
				found = append(found, s)
			}
		}
	}
	return found
}

// Unescape decodes the percent signs that can be decoded and leaves the others.
func Unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, err := hex.DecodeString(s[i+1 : i+3]); err == nil {
				b.WriteByte(c[0])
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
