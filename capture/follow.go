package capture

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"vigil/capture/source"
	"vigil/internal/errcode"
)

// OtherHostError means that a redirect, a playlist or a stream description points to another host that Options.Follow
// does not list. As with ErrRefused, retrying helps only after the configuration or the camera has changed.
type OtherHostError struct {
	Host string // with the port if it is known
}

func (e *OtherHostError) Error() string {
	return fmt.Sprintf(
		"the camera refers to another host, %s: vigil connects only to the camera's own unless the key follow "+
			"names the other, as follow: [%q]", e.Host, e.Host)
}

// ErrorCode is its entry in the catalogue.
func (*OtherHostError) ErrorCode() errcode.Code { return errcode.CameraElsewhere }

// Is makes it an ErrRefused.
func (*OtherHostError) Is(target error) bool { return target == ErrRefused }

// hosts lists the hosts that a camera may refer to: its own and those of Options.Follow.
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

// check returns an OtherHostError unless connections to the host are allowed.
func (h hosts) check(name, port string) error {
	for _, one := range h {
		if strings.EqualFold(one.Name, name) && (one.Port == 0 || strconv.Itoa(one.Port) == port) {
			return nil
		}
	}
	return &OtherHostError{Host: plainHost(net.JoinHostPort(name, port))}
}

// plainHost sanitises a host name received from the network for display.
func plainHost(s string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' || strings.ContainsRune(`"'\,;`+"`", r) {
			return '?'
		}
		return r
	}, s)
}
