package source

import (
	"regexp"
	"strings"
)

// redacted replaces a secret.
const redacted = "***"

var (
	// Some cameras take the password in the path: /user=admin_password=x_channel=1.
	secretWords = regexp.MustCompile(`(?i)pass|pwd|pw=|secret|token|key|auth|sig|cred`)
	// Cameras select the stream by such pairs; a short number in one of them reveals nothing.
	plainPair = regexp.MustCompile(
		`(?i)^(?:channel|subtype|stream|camera|profile|resolution|fps|width|height)=[0-9]{1,4}$`)
)

// redact replaces everything in an address that may be a secret. It redacts too much rather than too little: everything
// before the last @ even if a valid URL has none there, since an unescaped / or ? in a password moves the @ behind it.
func redact(s string) string {
	scheme, rest, isURL := strings.Cut(s, "://")
	if !isURL {
		if i := lastAt(s); i >= 0 && strings.Contains(s[:i], ":") {
			return redacted + "@" + s[i:]
		}
		return s
	}
	var b strings.Builder
	b.WriteString(scheme + "://")
	if i := lastAt(rest); i >= 0 {
		b.WriteString(redacted + "@")
		rest = rest[i:]
	}
	rest, fragment, hasFragment := strings.Cut(rest, "#")
	path, query, hasQuery := strings.Cut(rest, "?")
	host, segments, hasPath := strings.Cut(path, "/")
	b.WriteString(host)
	if hasPath {
		b.WriteString("/" + redactPath(segments))
	}
	if hasQuery {
		b.WriteString("?" + redactQuery(query))
	}
	if hasFragment && fragment != "" {
		b.WriteString("#" + redacted)
	}
	return b.String()
}

// redactPath redacts the path from the first part that may be a secret, which may contain an unescaped /.
func redactPath(path string) string {
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		if secretWords.MatchString(segment) || strings.ContainsAny(segment, "=;&") && !plainPair.MatchString(segment) {
			segments[i] = redacted
			return strings.Join(segments[:i+1], "/")
		}
	}
	return path
}

// redactQuery keeps well-known names and redacts their values; other parts are redacted whole, as they may be tokens.
func redactQuery(query string) string {
	parts := strings.Split(query, "&")
	for i, part := range parts {
		name, _, ok := strings.Cut(part, "=")
		switch {
		case part == "" || plainPair.MatchString(part):
		case ok && queryName.MatchString(name):
			parts[i] = name + "=" + redacted
		default:
			parts[i] = redacted
		}
	}
	return strings.Join(parts, "&")
}

// queryName lists the names that are shown; any other may be the rest of a password with an unescaped &.
var queryName = regexp.MustCompile(
	`(?i)^(?:user|username|usr|login|pass|passwd|password|pwd|token|access_token|key|api_?key|auth|sig|signature|` +
		`channel|subtype|stream|camera|profile|resolution|fps|width|height|codec|quality)$`)

// lastAt returns the index after the last @, written plainly or as %40 or %2540, or -1.
func lastAt(s string) int {
	last := -1
	for _, at := range []string{"@", "%40", "%2540"} {
		if i := strings.LastIndex(s, at); i >= 0 {
			last = max(last, i+len(at))
		}
	}
	return last
}
