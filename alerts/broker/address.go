package broker

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var schemes = []string{"nats", "tls", "ws", "wss"}

// serverStart matches where the next server of a list begins. A comma alone may be part of a password.
var serverStart = regexp.MustCompile(`,\s*[a-zA-Z][a-zA-Z0-9+.-]*://`)

// CheckURL checks the address of a NATS server, or a comma-separated list of them.
func CheckURL(raw string) error {
	_, err := parseURLs(raw)
	return err
}

// RedactURL replaces everything in an address that may be a credential, even if the address does not parse.
func RedactURL(raw string) string {
	var parts []string
	for _, part := range splitURLs(raw) {
		scheme, rest := cutScheme(part)
		if at := strings.LastIndexByte(rest, '@'); at >= 0 {
			rest = "***@" + rest[at+1:]
		}
		parts = append(parts, scheme+rest)
	}
	return strings.Join(parts, ",")
}

func splitURLs(raw string) []string {
	var parts []string
	for {
		cut := serverStart.FindStringIndex(raw)
		if cut == nil {
			return append(parts, strings.TrimSpace(raw))
		}
		parts = append(parts, strings.TrimSpace(raw[:cut[0]]))
		raw = raw[cut[0]+1:]
	}
}

func cutScheme(raw string) (scheme, rest string) {
	if i := strings.Index(raw, "://"); i >= 0 {
		return raw[:i+3], raw[i+3:]
	}
	return "", raw
}

// address is one server: its URL with escaped credentials, and the secrets in it.
type address struct {
	url     string
	secrets []string
}

// parseURLs splits addresses by hand: passwords with @, / or % are common, and url.Parse would reject them with the
// password in its error.
func parseURLs(raw string) ([]address, error) {
	if strings.TrimSpace(raw) == "" {
		return nil, errors.New("NATS address is empty: give one such as nats://127.0.0.1:4222")
	}
	var all []address
	for _, part := range splitURLs(raw) {
		a, err := parseURL(part)
		if err != nil {
			return nil, fmt.Errorf("NATS address %q: %w", RedactURL(part), err)
		}
		all = append(all, a)
	}
	return all, nil
}

func parseURL(raw string) (address, error) {
	scheme, rest := cutScheme(raw)
	scheme = strings.ToLower(strings.TrimSuffix(scheme, "://"))
	if scheme == "" {
		scheme = "nats"
	}
	if !slices.Contains(schemes, scheme) {
		return address{}, fmt.Errorf("scheme %s is not one of %s", scheme, strings.Join(schemes, ", "))
	}
	var a address
	u := url.URL{Scheme: scheme}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		user, password, both := strings.Cut(rest[:at], ":")
		rest = rest[at+1:]
		u.User = url.User(unescape(user))
		a.secrets = []string{user, unescape(user)}
		if both {
			u.User = url.UserPassword(unescape(user), unescape(password))
			a.secrets = []string{password, unescape(password)}
		}
	}
	host, path, _ := strings.Cut(rest, "/")
	if scheme == "ws" || scheme == "wss" {
		u.Path = path
	} else if path != "" {
		return address{}, fmt.Errorf("has a path, %q, where only host and port belong", path)
	}
	if err := checkHost(host); err != nil {
		return address{}, err
	}
	u.Host = host
	a.url = u.String()
	return a, nil
}

func checkHost(hostport string) error {
	host, port := hostport, ""
	if strings.Contains(strings.TrimPrefix(hostport[max(0, strings.LastIndexByte(hostport, ']')):], "]"), ":") {
		var err error
		if host, port, err = net.SplitHostPort(hostport); err != nil {
			return errors.New("is not of the form host:port")
		}
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return fmt.Errorf("port %q is not from 1 to 65535", port)
		}
	}
	if host == "" || host == "[]" {
		return errors.New("has no host")
	}
	if strings.ContainsAny(host, " \t\r\n?#\\\"<>%,") {
		return fmt.Errorf("host %q is not a host name or address", host)
	}
	return nil
}

// unescape leaves invalid escapes as they are: a password may contain a plain percent sign.
func unescape(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}
