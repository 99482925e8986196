// Package source describes where frames come from: a camera's address, which never shows its password, the hosts that
// it may refer to, and the certificates that are trusted. It opens nothing.
package source

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unique"
)

// Address is the address of a video source: an rtsp, rtsps, http or https URL, a device, a file or a folder.
//
// It may contain a password. Printing, logging or marshalling an Address yields the redacted form; only Reveal returns
// the whole. The text is kept behind a handle because fmt prints plain strings even in unexported fields of other
// structs, without calling any method. Addresses compare with ==.
type Address struct {
	raw unique.Handle[string]
}

// schemes are the URL schemes passed to FFmpeg; its other ones (pipes, concat, data, file) must stay out of reach.
var schemes = []string{"rtsp", "rtsps", "http", "https"}

var (
	schemeForm  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:`)
	hostForm    = regexp.MustCompile(`^(?:\[[0-9A-Fa-f:.]+(?:%25[0-9A-Za-z._-]+)?\]|[\pL\pN_.-]+)$`)
	devicePaths = regexp.MustCompile(`^/dev/(?:video[0-9]+|v4l/.+)$`)
)

// escapes explains how to write a user name or a password in a URL.
const escapes = "in a user name or a password write @ / ? # : % and a blank as %40 %2F %3F %23 %3A %25 %20"

// WantedForms lists the forms of an address, for errors.
const WantedForms = "want rtsp://, rtsps://, http:// or https:// and a host, a device (/dev/video0 or device:0), a " +
	"file or a folder"

// ParseAddress checks the form of an address; it opens nothing. A URL's scheme may be in upper case. Its errors never
// quote the address, which may contain a password.
func ParseAddress(s string) (Address, error) {
	if strings.TrimSpace(s) == "" {
		return Address{}, errors.New("the address is empty: " + WantedForms)
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return Address{}, errors.New("the address has a control character in it: " + WantedForms)
	}
	if trimmed := strings.TrimSpace(s); trimmed != s && (schemeForm.MatchString(trimmed) ||
		devicePaths.MatchString(trimmed)) {
		return Address{}, errors.New("the address begins or ends with a blank; must have none there")
	}
	if n, ok := strings.CutPrefix(s, "device:"); ok {
		if i, err := strconv.Atoi(n); err != nil || i < 0 || i > 255 {
			return Address{}, errors.New("a device's number is from 0 to 255, as in device:0")
		}
		return Address{unique.Make(s)}, nil
	}
	if schemeForm.MatchString(s) {
		if err := checkURL(s); err != nil {
			return Address{}, err
		}
		scheme, rest, _ := strings.Cut(s, ":")
		s = strings.ToLower(scheme) + ":" + rest // FFmpeg requires a lower-case scheme.
	}
	return Address{unique.Make(s)}, nil
}

// checkURL splits the URL like FFmpeg: the authority ends at the first of /?#, the credentials at its last @.
func checkURL(s string) error {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return errors.New("the address looks like a URL of an unknown kind (" + WantedForms +
			"); a file with a colon in its name needs ./ in front")
	}
	if !knownScheme(scheme) {
		return errors.New("the address's URL scheme is not one of " + strings.Join(schemes, ", ") + ": " + WantedForms)
	}
	authority, behind := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, behind = rest[:i], rest[i:]
	}
	// With a / ? or # in a password, its beginning would be taken as the host and would receive the rest.
	if strings.Contains(behind, "@") {
		return errors.New("the URL has an @ behind its first / ? or #, so what is meant as the password ends there (" +
			escapes +
			"; an @ of the path or the query is written %40)")
	}
	if strings.ContainsFunc(s, unicode.IsSpace) {
		return errors.New("the URL has a blank in it, which is written %20, also in its path (" + escapes + ")")
	}
	host := authority[strings.LastIndexByte(authority, '@')+1:]
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		if port, err := strconv.ParseUint(host[i+1:], 10, 16); err != nil || port == 0 {
			return errors.New("the URL's port is not a number from 1 to 65535 (" + escapes + ")")
		}
		host = host[:i]
	}
	if !hostForm.MatchString(host) {
		return errors.New("the URL's host is missing or malformed (" + escapes + ")")
	}
	return nil
}

func knownScheme(s string) bool {
	for _, k := range schemes {
		if strings.EqualFold(s, k) {
			return true
		}
	}
	return false
}

// Reveal returns the whole address including the password: for opening it, never for display.
func (a Address) Reveal() string {
	if a == (Address{}) {
		return ""
	}
	return a.raw.Value()
}

// String returns the address without its secrets: no user name, no password, no query values.
func (a Address) String() string { return redact(a.Reveal()) }

// Redacted reports whether String omits anything, so that the address contains a password or may contain one.
func (a Address) Redacted() bool { return a.String() != a.Reveal() }

// GoString keeps %#v redacted.
func (a Address) GoString() string { return fmt.Sprintf("source.Address(%q)", a.String()) }

// LogValue is the redacted form.
func (a Address) LogValue() slog.Value { return slog.StringValue(a.String()) }

// MarshalText returns the redacted form, which is for reading and cannot be opened again.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText parses like ParseAddress.
func (a *Address) UnmarshalText(text []byte) error {
	parsed, err := ParseAddress(string(text))
	if err != nil {
		return err
	}
	*a = parsed
	return nil
}

// Live reports whether frames come in real time: from a URL or a device, not a file or a folder.
func (a Address) Live() bool { return a.IsURL() || a.IsDevice() }

// IsURL reports whether the address is a URL.
func (a Address) IsURL() bool {
	scheme, _, ok := strings.Cut(a.Reveal(), "://")
	return ok && knownScheme(scheme)
}

// IsDevice reports whether the address is a local capture device.
func (a Address) IsDevice() bool {
	s := a.Reveal()
	return strings.HasPrefix(s, "device:") || devicePaths.MatchString(filepath.Clean(s))
}
