package capture

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"vigil/capture/source"
)

// ElsewhereError means that a camera leads to another host, by a redirect, a playlist or a description of its streams,
// and that Options.Follow does not name that host. Opening it again helps only when somebody has changed something, as
// with ErrRefused.
type ElsewhereError struct {
	Host string // with the port where that is known
}

func (e *ElsewhereError) Error() string {
	return fmt.Sprintf(
		"the camera leads to another host, %s: vigil stays on the camera's own unless the key follow names the "+
			"other, as follow: [%q]", e.Host, e.Host)
}

// Is makes it an ErrRefused.
func (*ElsewhereError) Is(target error) bool { return target == ErrRefused }

// hosts are those that a camera may lead to: its own, and those of Options.Follow.
type hosts []source.Host

func hostsOf(addr source.Address, follow []string) (hosts, error) {
	all := hosts{{Name: addr.URL().Host}}
	for _, s := range follow {
		h, err := source.ParseHost(s)
		if err != nil {
			return nil, fmt.Errorf("follow: %q %w", s, err)
		}
		all = append(all, h)
	}
	return all, nil
}

// check says whether a host may be asked.
func (h hosts) check(name, port string) error {
	for _, one := range h {
		if strings.EqualFold(one.Name, name) && (one.Port == 0 || strconv.Itoa(one.Port) == port) {
			return nil
		}
	}
	return &ElsewhereError{Host: plainHost(net.JoinHostPort(name, port))}
}

// plainHost is a host that somebody else named, as it may be shown.
func plainHost(s string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' || strings.ContainsRune(`"'\,;`+"`", r) {
			return '?'
		}
		return r
	}, s)
}
