package source

import (
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Host is a host that a camera may refer to.
type Host struct {
	Name string // or an IP address, without brackets
	Port int    // 0 for all ports
}

// ParseHost parses host or host:port, as in the configuration.
func ParseHost(s string) (Host, error) {
	const want = "must be a host or host:port, as media.example, media.example:8080, 10.0.0.7 or [fd00::7]:554"
	h := Host{Name: s}
	if addr, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil { // an IPv6 address may have no brackets
		h.Name = addr.String()
		return h, nil
	}
	if strings.Contains(s, ":") {
		name, port, err := net.SplitHostPort(s)
		if err != nil || strings.ContainsAny(port, "/@?#") {
			return Host{}, errors.New(want)
		}
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return Host{}, errors.New("its port is not a number from 1 to 65535; " + want)
		}
		h = Host{name, int(n)}
	}
	if !hostForm.MatchString(h.Name) && !isAddress(h.Name) || len(h.Name) > 253 {
		return Host{}, errors.New(want)
	}
	return h, nil
}

func isAddress(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}
