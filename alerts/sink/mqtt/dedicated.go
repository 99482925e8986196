package mqtt

import (
	"context"
	"sync"

	"vigil/alerts/sink"
)

// suspects are messages during whose delivery the broker closed the connection, as it does after a packet that it
// rejects. The next attempt uses a dedicated connection, so that the shared one is not cut each time.
type suspects struct {
	mu        sync.Mutex
	ids       map[string]bool
	dedicated sync.Mutex // one at a time: their connections have the same client id
}

func (s *suspects) has(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ids[id]
}

func (s *suspects) set(id string, is bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !is {
		delete(s.ids, id)
		return
	}
	if s.ids == nil {
		s.ids = map[string]bool{}
	}
	s.ids[id] = true
}

// deliverShared delivers over the shared connection.
func (w *Sink) deliverShared(ctx context.Context, m sink.Message) error {
	c, err := w.current()
	if err != nil {
		return err
	}
	if err = w.deliver(ctx, c, m); err != nil && endedByBroker(c.cause()) {
		w.suspects.set(m.ID, true)
	}
	return err
}

// deliverDedicated delivers over a connection for this message alone. If the broker closes that one too, it rejects the
// message.
func (w *Sink) deliverDedicated(ctx context.Context, m sink.Message) error {
	w.suspects.dedicated.Lock()
	defer w.suspects.dedicated.Unlock()
	c, err := dial(ctx, w.address, login{
		clientID: w.clientID + "-alone", user: w.opts.User, password: w.opts.Password,
		tls: w.opts.TLS,
	})
	if err != nil {
		return err
	}
	if err := w.deliver(ctx, c, m); err != nil {
		if endedByBroker(c.cause()) {
			err = sink.Refused(err)
		}
		c.drop(err)
		return err
	}
	c.logOut()
	w.suspects.set(m.ID, false)
	return nil
}
