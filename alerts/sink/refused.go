package sink

import (
	"cmp"
	"errors"

	"vigil/internal/errcode"
)

// refused is an error that another try with the same message cannot mend.
type refused struct{ error }

func (r refused) Unwrap() error { return r.error }

// Refused marks an error of a Sink's Deliver that is about the message and not about the other side: what is tried
// again will be refused again, as with an HTTP status of 400. After Options.SetAsideAfter such a message is set aside.
// Whatever may heal by itself, or by a change of the configuration, is not marked.
func Refused(err error) error { return refused{err} }

// ErrorCode is the code of what it marks, or that of a message that is refused.
func (r refused) ErrorCode() errcode.Code {
	return cmp.Or(errcode.Of(r.error), errcode.SinkRefusedMessage)
}

// IsRefused says whether an error is marked.
func IsRefused(err error) bool { return errors.As(err, new(refused)) }
