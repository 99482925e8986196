package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"vigil/alerts"
	"vigil/alerts/broker"
)

// maxClockSkew is how far the clock that created an id may be ahead of the server's.
const maxClockSkew = time.Hour

// Messages returns the messages of one alert in order, each once, or ErrNoAlert. Without an index it reads the headers
// of messages stored since the id was created.
func (a *Archive) Messages(ctx context.Context, id string) ([]Message, error) {
	if err := alerts.ValidID(id); err != nil {
		return nil, err
	}
	numbers, err := a.numbersOf(ctx, id)
	if err != nil {
		return nil, findError("alert "+id, err)
	}
	records, err := a.conn.Fetch(ctx, numbers)
	if err != nil {
		return nil, findError("alert "+id, err)
	}
	var found []Message
	for _, r := range records {
		decoded, err := alerts.Decode(r.Data)
		if err != nil {
			return nil, findError("alert "+id, err)
		}
		found = append(found, Message{Alert: decoded, Raw: r.Data})
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%w: %s in the stream %s of NATS at %s", ErrNoAlert, id, broker.Stream,
			a.conn.Address())
	}
	return found, nil
}

// numbersOf returns the numbers of an alert's messages in the stream without repeats.
func (a *Archive) numbersOf(ctx context.Context, id string) ([]uint64, error) {
	if a.index != nil {
		return a.index.numbers(ctx, id)
	}
	u, err := ulid.ParseStrict(id)
	if err != nil {
		return nil, err
	}
	var numbers []uint64
	seen := map[string]bool{}
	err = a.heads(ctx, ulid.Time(u.Time()).Add(-maxClockSkew), alerts.AllAlerts,
		func(of, message string, number uint64) {
			if of == id && !seen[message] {
				seen[message] = true
				numbers = append(numbers, number)
			}
		})
	return numbers, err
}

// byPrefix returns the sorted ids of the alerts with this prefix, the oldest first. With a camera it searches only that
// one's.
func (a *Archive) byPrefix(ctx context.Context, prefix, camera string) ([]string, error) {
	since, err := SincePrefix(prefix)
	if err != nil {
		return nil, err
	}
	var ids []string
	err = a.heads(ctx, since, subjectsOf(camera),
		func(id, _ string, _ uint64) {
			if strings.HasPrefix(id, prefix) {
				ids = append(ids, id)
			}
		})
	if err != nil {
		return nil, findError("alerts "+prefix+"…", err)
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// latest returns the id of the alert that began last, of one camera or of all; ErrNoAlert if the stream has none.
func (a *Archive) latest(ctx context.Context, camera string) (string, error) {
	const what = "the last alert"
	all := subjectsOf(camera)
	starts := alerts.Subject(cmp.Or(camera, "*"), alerts.PhaseStart)
	// The stream may have deleted the start of an alert and still have its end.
	for _, subject := range []string{starts, all} {
		r, err := a.conn.Last(ctx, subject)
		if errors.Is(err, broker.ErrNoMessage) {
			continue
		}
		if err != nil {
			return "", findError(what, err)
		}
		decoded, err := alerts.Decode(r.Data)
		if err != nil {
			return "", findError(what, err)
		}
		return decoded.ID, nil
	}
	// The server reports an unreadable message like a missing one.
	last := ""
	if err := a.heads(ctx, time.Time{}, all, func(id, _ string, _ uint64) { last = id }); err != nil {
		return "", findError(what, err)
	}
	if last != "" {
		return last, nil
	}
	return "", fmt.Errorf("%w: none in the stream %s of NATS at %s", ErrNoAlert, broker.Stream, a.conn.Address())
}

// findError adds the search text, except to the error that there are no alerts at all.
func findError(what string, err error) error {
	if errors.Is(err, broker.ErrNoStream) {
		return err
	}
	return fmt.Errorf("find %s: %w", what, err)
}

// firstID returns the smallest id with this prefix. The first ten digits are a time, of which the first one is at most
// 7.
func firstID(prefix string) (ulid.ULID, error) {
	const zero = "00000000000000000000000000"
	if prefix == "" || len(prefix) > len(zero) {
		return ulid.ULID{}, fmt.Errorf("%q is not the beginning of an alert's id", prefix)
	}
	id, err := ulid.ParseStrict(prefix + zero[len(prefix):])
	if err != nil || strings.ToUpper(prefix) != prefix {
		return id, fmt.Errorf("%q is not the beginning of an alert's id, which has 26 digits and capital letters",
			prefix)
	}
	return id, nil
}

// heads calls each for the messages stored since a time, in order, with the alert's id, the message id and the number
// in the stream. It does not fetch contents.
func (a *Archive) heads(ctx context.Context, since time.Time, subject string,
	each func(alert, message string, number uint64),
) error {
	_, err := a.conn.Scan(ctx, broker.ScanOptions{Since: since, Subject: subject, Heads: true},
		func(r broker.Record) error {
			if id, _, ok := strings.Cut(r.ID, ":"); ok {
				each(id, r.ID, r.Seq)
			}
			return nil
		})
	return err
}
