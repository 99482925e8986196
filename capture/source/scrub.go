package source

import (
	"encoding/hex"
	"regexp"
	"strings"
)

// shingleLen is the minimum length of a common substring of a text and the redacted part of the address that counts as
// part of a secret. Shorter ones occur in any text.
const shingleLen = 5

// Scrub redacts everything in a foreign text, such as a library's message, that occurs in the address but not in
// String, raw or unescaped. It does not try to locate the secret: that depends on how the address is split.
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
	end := 0 // end of the redacted part
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

// shortValue matches a short password in a login, or the value of a name that denotes a secret.
var shortValue = regexp.MustCompile(
	`(?i)(?:://[^/:@]*:([^/]+)@|(?:pass|passwd|password|pwd|pw|secret|token|key)=([^/@&?#;_=]+))`)

// shortSecrets returns the passwords that are shorter than a shingle.
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

// Unescape decodes valid percent escapes and keeps the others.
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
