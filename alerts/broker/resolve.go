package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/oklog/ulid/v2"

	"vigil/alerts"
)

// ByPrefix gives the ids of the alerts that begin with prefix, each once and sorted, so that the oldest is first. With
// a camera it looks among that one's only.
func (c *Conn) ByPrefix(ctx context.Context, prefix, camera string) ([]string, error) {
	first, err := firstID(prefix)
	if err != nil {
		return nil, err
	}
	s, err := c.stream(ctx)
	if err != nil {
		return nil, err
	}
	var ids []string
	err = c.heads(ctx, s, ulid.Time(first.Time()).Add(-clocksApart), subjectsOf(camera), func(id, _ string, _ uint64) {
		if strings.HasPrefix(id, prefix) {
			ids = append(ids, id)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("find alerts %s…: %w", prefix, c.scrub(err))
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// Latest is the id of the alert that began last, of one camera or of all; ErrNoAlert where the stream has none.
func (c *Conn) Latest(ctx context.Context, camera string) (string, error) {
	s, err := c.stream(ctx)
	if err != nil {
		return "", err
	}
	subject := subjectsOf(camera)
	// The stream may have dropped the start of an alert and still have its end.
	for _, subject := range []string{strings.TrimSuffix(strings.TrimSuffix(subject, "*"), ">") +
		starts(camera), subject} {
		m, err := s.GetLastMsgForSubject(ctx, subject)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("find the last alert: %w", c.scrub(err))
		}
		a, err := alerts.Decode(m.Data)
		if err != nil {
			return "", fmt.Errorf("find the last alert: %w", err)
		}
		return a.ID, nil
	}
	// The server says the same of a message that it cannot read as of one that is not there.
	last := ""
	if err := c.heads(ctx, s, time.Time{}, subject, func(id, _ string, _ uint64) { last = id }); err != nil {
		return "", fmt.Errorf("find the last alert: %w", c.scrub(err))
	}
	if last != "" {
		return last, nil
	}
	return "", fmt.Errorf("%w: none in the stream %s of NATS at %s", ErrNoAlert, Stream, c.address)
}

// starts is what follows in the subject of a start.
func starts(camera string) string {
	if camera == "" {
		return "*." + string(alerts.PhaseStart)
	}
	return string(alerts.PhaseStart)
}

func subjectsOf(camera string) string {
	if camera == "" {
		return alerts.AllAlerts
	}
	return alerts.CameraSubject(camera)
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
func (c *Conn) heads(ctx context.Context, s jetstream.Stream, since time.Time, subject string,
	each func(alert, message string, seq uint64),
) error {
	_, err := c.scan(ctx, s, ScanOptions{Since: since, Subject: subject, Heads: true}, func(r Record) error {
		if id, _, ok := strings.Cut(r.ID, ":"); ok {
			each(id, r.ID, r.Seq)
		}
		return nil
	})
	return err
}
