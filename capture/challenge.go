package capture

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"vigil/internal/errcode"
)

// challenge is one authentication scheme that a server offers (RFC 9110, section 11.3).
type challenge struct{ scheme, params string }

// schemeStart matches a scheme that stands alone or is followed by a space and a parameter. A scheme is not followed by
// an equals sign, which distinguishes it from a parameter.
var schemeStart = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9-]{0,19})(?:$|\s+([^=\s].*))$`)

// challenges parses authentication headers. A header may hold several challenges, and commas separate both the
// challenges and the parameters of one.
func challenges(headers []string) (all []challenge) {
	for _, header := range headers {
		for _, part := range splitCommas(header) {
			if m := schemeStart.FindStringSubmatch(part); m != nil {
				all = append(all, challenge{m[1], m[2]})
			} else if n := len(all); n > 0 {
				all[n-1].params += ", " + part
			}
		}
	}
	return all
}

// splitCommas splits at commas outside quotes.
func splitCommas(s string) (parts []string) {
	quoted, from := false, 0
	for i := range len(s) {
		switch s[i] {
		case '"':
			quoted = !quoted
		case ',':
			if !quoted {
				parts = append(parts, strings.TrimSpace(s[from:i]))
				from = i + 1
			}
		}
	}
	return append(parts, strings.TrimSpace(s[from:]))
}

var (
	algorithmOf = regexp.MustCompile(`(?i)(?:^|[,\s])algorithm\s*=\s*"?([A-Za-z0-9-]{1,20})`)
	qopOf       = regexp.MustCompile(`(?i)(?:^|[,\s])qop\s*=\s*"?([A-Za-z, -]+)`)
)

// supported reports whether FFmpeg supports a challenge: basic, or digest with MD5.
func supported(scheme, params string) bool {
	switch strings.ToLower(scheme) {
	case "basic":
		return true
	case "digest":
		if m := qopOf.FindStringSubmatch(params); m != nil &&
			!slices.Contains(strings.FieldsFunc(m[1], func(r rune) bool { return r == ',' || r == ' ' }), "auth") {
			return false
		}
		m := algorithmOf.FindStringSubmatch(params)
		return m == nil || strings.EqualFold(m[1], "MD5") || strings.EqualFold(m[1], "MD5-sess")
	}
	return false
}

// explainChallenges returns an error that names the offered schemes if FFmpeg supports none of them, else nil.
func explainChallenges(headers []string) error {
	var names []string
	for _, c := range challenges(headers) {
		if supported(c.scheme, c.params) {
			return nil
		}
		name := c.scheme
		if m := algorithmOf.FindStringSubmatch(c.params); m != nil {
			name += " with " + m[1]
		}
		if !slices.Contains(names, name) && len(names) < 5 {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return errcode.CameraUnknownLogin.Wrap(fmt.Errorf(
		"%w: it requires authentication by %s, which vigil does not support; set the camera to digest "+
			"authentication with MD5, or to basic (401)",
		ErrRefused, strings.Join(names, " or ")))
}
