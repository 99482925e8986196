package archive

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"vigil/alerts/outbox"
)

// SetAside returns the messages that a sink refused and that were set aside, by sink and camera, in order.
func (a *Archive) SetAside(ctx context.Context) ([]outbox.Aside, error) {
	return outbox.ListAside(ctx, a.conn.JetStream())
}

// Retry requests a retry of a set-aside message: the vigil that runs on the store performs it soon, or else the next
// one.
func (a *Archive) Retry(ctx context.Context, m outbox.Aside) error {
	return outbox.RetryAside(ctx, a.conn.JetStream(), m)
}

// Drop deletes a set-aside message; it stays in the stream of alerts.
func (a *Archive) Drop(ctx context.Context, m outbox.Aside) error {
	return outbox.DropAside(ctx, a.conn.JetStream(), m)
}

// ChooseAside selects messages by ids or their prefixes: a complete id selects only that one. An id without a match is
// an InvalidError.
func ChooseAside(all []outbox.Aside, ids []string) (chosen []outbox.Aside, err error) {
	means := map[string]func(string) bool{}
	for _, id := range ids {
		whole := func(of string) bool { return strings.EqualFold(of, id) }
		begins := func(of string) bool { return len(of) >= len(id) && strings.EqualFold(of[:len(id)], id) }
		switch {
		case slices.ContainsFunc(all, func(a outbox.Aside) bool { return whole(a.MessageID) }):
			means[id] = whole
		case slices.ContainsFunc(all, func(a outbox.Aside) bool { return begins(a.MessageID) }):
			means[id] = begins
		default:
			return nil, &InvalidError{
				fmt.Errorf("nothing is set aside whose id begins with %q; 'vigil outbox list' shows what is", id),
			}
		}
	}
	for _, a := range all {
		if slices.ContainsFunc(ids, func(id string) bool { return means[id](a.MessageID) }) {
			chosen = append(chosen, a)
		}
	}
	return chosen, nil
}
