package broker

import (
	"context"
	"errors"
	"strings"

	"github.com/nats-io/nats.go"

	"vigil/internal/errcode"
)

// withCode adds the code that fits an error of a connection or its server; an existing code stays.
func withCode(err error) error {
	if err == nil || errcode.Of(err) != "" {
		return err
	}
	return codeOf(err).Wrap(err)
}

// codeOf uses the client's error values, and the text if the server reports only text.
func codeOf(err error) errcode.Code {
	text := strings.ToLower(err.Error())
	contains := func(words ...string) bool { return containsAny(text, words) }
	switch {
	case errors.Is(err, nats.ErrPermissionViolation):
		return errcode.SinkNotAllowed
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired),
		contains("authorization", "authentication"):
		return errcode.SinkUnauthorized
	case tooLarge(err):
		return errcode.SinkRefusedMessage
	case Full(err), contains("insufficient", "no space left"):
		return errcode.SinkNoRoom
	case errors.Is(err, context.DeadlineExceeded):
		return errcode.SinkNotAcknowledged
	case errors.Is(err, nats.ErrSecureConnRequired), errors.Is(err, nats.ErrSecureConnWanted),
		contains("certificate", "tls:", "x509"):
		return errcode.SinkTLS
	case errors.Is(err, nats.ErrNoServers), errors.Is(err, nats.ErrTimeout), errors.Is(err, nats.ErrConnectionClosed),
		contains("refused", "timeout", "no such host", "info", "eof", "reset", "broken pipe"):
		return errcode.SinkUnreachable
	}
	return errcode.SinkBadAnswer
}
