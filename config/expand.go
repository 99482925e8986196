package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"vigil/internal/errcode"
)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// expand replaces every ${NAME} by the variable's value, without expanding the value again. $${ is a literal ${, and
// any other $ stands for itself. It reports whether the text contained a variable.
//
// Trailing newlines of a value are dropped, as a shell does with a command's output, because files and secret stores
// add them. In a URL's user name or password, invalid characters are percent-encoded; an escape such as %40 is left as
// it is.
func expand(s string, lookup func(string) (string, bool)) (text string, expanded bool, err error) {
	var b strings.Builder
	var unset []string
	whole := s
	for {
		before, after, found := strings.Cut(s, "${")
		if !found {
			b.WriteString(s)
			break
		}
		if plain, escaped := strings.CutSuffix(before, "$"); escaped {
			b.WriteString(plain + "${")
			s = after
			continue
		}
		name, rest, closed := strings.Cut(after, "}")
		if !closed || !variableName.MatchString(name) {
			return "", false,
				errors.New("has a ${ that is not ${NAME}; must name a variable of the environment (a plain ${ is " +
					"written $${)")
		}
		value, ok := lookup(name)
		if !ok {
			unset = append(unset, name)
		}
		value = strings.TrimRight(value, "\r\n")
		if beforeLogin.MatchString(whole[:len(whole)-len(after)-len("${")]) && afterLogin.MatchString(rest) {
			value = escapeLogin(value)
		}
		b.WriteString(before + value)
		expanded, s = true, rest
	}
	if len(unset) > 0 {
		return "", false, errcode.ConfigMissingVariable.Wrap(
			fmt.Errorf("needs %s from the environment; must be set there (an empty value is fine)",
				strings.Join(unset, " and ")))
	}
	return b.String(), expanded, nil
}

// The context of a variable in a URL's user name or password. Adjacent variables there are still unexpanded names.
var (
	beforeLogin = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*$`)
	afterLogin  = regexp.MustCompile(`^[^/?#]*@`)
	escaped     = regexp.MustCompile(`^%[0-9A-Fa-f]{2}`)
)

// escapeLogin percent-encodes the characters that a URL's user name and password may not contain (RFC 3986).
func escapeLogin(s string) string {
	const plain = "-._~!$&'()*+,;=:"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte(plain, c) >= 0,
			escaped.MatchString(s[i:]):
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
