package outbox

import (
	"sync/atomic"

	"vigil/alerts"
	"vigil/alerts/sink"
	"vigil/internal/errcode"
)

// foreignMessages counts messages in the stream of alerts that this vigil did not store.
type foreignMessages struct{ n atomic.Uint64 }

// errNotStoredHere means that a message looks like an alert but was not stored by this vigil.
var errNotStoredHere = errcode.SinkNotOurs.New("it was not stored by this vigil")

// verify returns an error if a message must not be delivered: it is not an alert, it does not match its subject or id,
// or another program stored it.
func (o *Outbox) verify(m sink.Message) error {
	if _, err := alerts.DecodeStored(m.Subject, m.ID, m.Data); err != nil {
		return err
	}
	if !o.server.StoredHere(m.Seq, m.Origin, m.Subject, m.ID, m.Data) {
		return errNotStoredHere
	}
	return nil
}

// skipForeign counts a message that is not delivered, once per sink, and logs the first.
func (o *Outbox) skipForeign(f *forwarder, m sink.Message, cause error) {
	level, n := o.log.Debug, o.foreign.n.Add(1)
	if n == 1 {
		level = o.log.Warn
	}
	level("a message in the stream of alerts was not stored by this vigil and is not delivered; further ones are "+
		"only counted",
		"sink", f.sink.Name(), "camera", f.camera, "subject", m.Subject, "number", m.Seq, "error", cause, errcode.Key,
		errcode.SinkNotOurs)
	if n == 1 {
		o.publishCounts()
	}
}
