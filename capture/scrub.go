package capture

import (
	"net/url"
	"slices"
	"strings"
)

// shortSecret is the length below which a secret is not cut out of a text: what is left would tell where it was.
const shortSecret = 3

// Scrub hides the address's secrets in a text that something else wrote, as a library's message: the user name, the
// password, the values of the query and the parts of the path that may hold one, also as they are when unescaped.
func (a Address) Scrub(text string) string {
	secrets := a.secrets()
	// The longest first: one may be a part of another.
	slices.SortFunc(secrets, func(x, y string) int { return len(y) - len(x) })
	for _, s := range secrets {
		if !strings.Contains(text, s) {
			continue
		}
		if len(s) < shortSecret {
			return hidden + " (the text is not shown: it may hold the password)"
		}
		text = strings.ReplaceAll(text, s, hidden)
	}
	return text
}

// secrets gives what String does not show of the address, in pieces.
func (a Address) secrets() []string {
	raw := a.Reveal()
	_, rest, isURL := strings.Cut(raw, "://")
	if !isURL {
		rest = raw
	}
	var found []string
	add := func(s string) {
		if s == "" || s == hidden {
			return
		}
		found = append(found, s)
		if plain, err := url.PathUnescape(s); err == nil && plain != s && plain != "" {
			found = append(found, plain)
		}
	}
	if i := lastAt(rest); i >= 0 && (isURL || strings.Contains(rest[:i], ":")) {
		login := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(rest[:i], "@"), "%40"), "%2540")
		add(login)
		if user, password, ok := strings.Cut(login, ":"); ok {
			if len(user) >= shortSecret { // hidden where it is easy; it is no secret
				add(user)
			}
			add(password)
		}
		rest = rest[i:]
	}
	rest, fragment, _ := strings.Cut(rest, "#")
	add(fragment)
	path, query, _ := strings.Cut(rest, "?")
	for part := range strings.SplitSeq(query, "&") {
		if plainPair.MatchString(part) {
			continue
		}
		if _, value, ok := strings.Cut(part, "="); ok {
			add(value)
		}
		add(part)
	}
	if _, segments, ok := strings.Cut(path, "/"); ok && isURL {
		if shown := redactPath(segments); strings.HasSuffix(shown, hidden) {
			add(strings.TrimPrefix(segments, strings.TrimSuffix(shown, hidden)))
		}
	}
	return found
}
