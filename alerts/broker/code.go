package broker

import (
	"context"
	"errors"
	"strings"

	"github.com/nats-io/nats.go"

	"vigil/internal/errcode"
)

// withCode gives what a connection or its server reports the code for what it means; what has one keeps it.
func withCode(err error) error {
	if err == nil || errcode.Of(err) != "" {
		return err
	}
	return codeOf(err).Wrap(err)
}

// codeOf goes by the client's errors, and by the text where the server's own words are all there is.
func codeOf(err error) errcode.Code {
	text := strings.ToLower(err.Error())
	says := func(words ...string) bool { return containsAny(text, words) }
	switch {
	case errors.Is(err, nats.ErrPermissionViolation):
		return errcode.SinkNotAllowed
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired),
		says("authorization", "authentication"):
		return errcode.SinkUnauthorized
	case tooLarge(err):
		return errcode.SinkRefusedMessage
	case Full(err), says("insufficient", "no space left"):
		return errcode.SinkNoRoom
	case errors.Is(err, context.DeadlineExceeded):
		return errcode.SinkNotAcknowledged
	case errors.Is(err, nats.ErrSecureConnRequired), errors.Is(err, nats.ErrSecureConnWanted),
		says("certificate", "tls:", "x509"):
		return errcode.SinkTLS
	case errors.Is(err, nats.ErrNoServers), errors.Is(err, nats.ErrTimeout), errors.Is(err, nats.ErrConnectionClosed),
		says("refused", "timeout", "no such host", "info", "eof", "reset", "broken pipe"):
		return errcode.SinkUnreachable
	}
	return errcode.SinkBadAnswer
}
