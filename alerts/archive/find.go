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

// maxClockSkew is how far the clock that made an id may be ahead of the server's.
const maxClockSkew = time.Hour

// Messages gives the messages of one alert in their order, each once, or ErrNoAlert. It reads the heads of what was
// stored since the id was made.
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
		found = append(found, Message{decoded, r.Data})
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%w: %s in the stream %s of NATS at %s", ErrNoAlert, id, broker.Stream,
			a.conn.Address())
	}
	return found, nil
}

// numbersOf gives the numbers of an alert's messages in the stream, repeats left out.
func (a *Archive) numbersOf(ctx context.Context, id string) ([]uint64, error) {
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

// byPrefix gives the ids of the alerts that begin with prefix, each once and sorted, so that the oldest is first. With
// a camera it looks among that one's only.
func (a *Archive) byPrefix(ctx context.Context, prefix, camera string) ([]string, error) {
	first, err := firstID(prefix)
	if err != nil {
		return nil, err
	}
	var ids []string
	err = a.heads(ctx, ulid.Time(first.Time()).Add(-maxClockSkew), subjectsOf(camera),
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

// latest is the id of the alert that began last, of one camera or of all; ErrNoAlert where the stream has none.
func (a *Archive) latest(ctx context.Context, camera string) (string, error) {
	const what = "the last alert"
	all := subjectsOf(camera)
	starts := alerts.Subject(cmp.Or(camera, "*"), alerts.PhaseStart)
	// The stream may have dropped the start of an alert and still have its end.
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
	// The server says the same of a message that it cannot read as of one that is not there.
	last := ""
	if err := a.heads(ctx, time.Time{}, all, func(id, _ string, _ uint64) { last = id }); err != nil {
		return "", findError(what, err)
	}
	if last != "" {
		return last, nil
	}
	return "", fmt.Errorf("%w: none in the stream %s of NATS at %s", ErrNoAlert, broker.Stream, a.conn.Address())
}

// findError adds what was looked for, except to the answer that there are no alerts at all.
func findError(what string, err error) error {
	if errors.Is(err, broker.ErrNoStream) {
		return err
	}
	return fmt.Errorf("find %s: %w", what, err)
}

// firstID is the smallest id that begins with prefix. The first ten digits are a time, of which the first one is at
// most 7.
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

// heads calls each for the messages that the stream has got since then, in their order, with their alert's id, their
// own and their number in the stream. It fetches no message's content.
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
