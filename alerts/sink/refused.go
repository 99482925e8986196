package sink

import (
	"cmp"
	"errors"

	"vigil/internal/errcode"
)

// refused is an error that a repeat of the same message cannot resolve.
type refused struct{ error }

func (r refused) Unwrap() error { return r.error }

// Refused marks an error of a Sink's Deliver that is caused by the message and not by the receiver: a repeat will be
// refused again, as with an HTTP status of 400. After Options.SetAsideAfter such a message is set aside. Errors that
// may resolve by themselves, or by a change of the configuration, are not marked.
func Refused(err error) error { return refused{err} }

// ErrorCode returns the code of the marked error, or that of a refused message.
func (r refused) ErrorCode() errcode.Code {
	return cmp.Or(errcode.Of(r.error), errcode.SinkRefusedMessage)
}

// IsRefused reports whether an error is marked.
func IsRefused(err error) bool { return errors.As(err, new(refused)) }
