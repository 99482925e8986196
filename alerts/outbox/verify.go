package outbox

import (
	"errors"
	"sync/atomic"

	"vigil/alerts"
	"vigil/alerts/sink"
)

// foreignMessages counts what lies in the stream of alerts and was not stored by this vigil.
type foreignMessages struct{ n atomic.Uint64 }

// errNotStoredHere means that a message looks like an alert and is not one that this vigil stored.
var errNotStoredHere = errors.New("it was not stored by this vigil")

// verify says why a message is not to be taken further: it is no alert, disagrees with where it lies, or comes from
// another program that may write there.
func (o *Outbox) verify(m sink.Message) error {
	if _, err := alerts.DecodeStored(m.Subject, m.ID, m.Data); err != nil {
		return err
	}
	if !o.server.StoredHere(m.Seq, m.Origin, m.Subject, m.ID, m.Data) {
		return errNotStoredHere
	}
	return nil
}

// skipForeign counts a message that goes nowhere, and says so the first time; for each sink that is one.
func (o *Outbox) skipForeign(f *forwarder, m sink.Message, cause error) {
	level, n := o.log.Debug, o.foreign.n.Add(1)
	if n == 1 {
		level = o.log.Warn
	}
	level("a message in the stream of alerts is not one that this vigil stored and goes nowhere; further ones are "+
		"counted only",
		"way", f.sink.Name(), "camera", f.camera, "subject", m.Subject, "number", m.Seq, "error", cause)
	if n == 1 {
		o.publishCounts()
	}
}
