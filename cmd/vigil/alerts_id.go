package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"vigil/alerts"
	"vigil/alerts/broker"
)

const (
	// shortDigits is how much of an id a line shows: its time to the millisecond and two digits more, by which those
	// of one moment differ.
	shortDigits = 12
	// mostCandidates is how many ids are listed where a prefix fits several.
	mostCandidates = 10
	// lastAlert stands for the alert that began last.
	lastAlert = "last"
)

// shortID is as much of an id as show, export and ack need, unless another alert began at the same millisecond.
func shortID(id string) string { return id[:min(shortDigits, len(id))] }

// checkID says before anything is asked what cannot be the beginning of an id.
func checkID(text string) error {
	if text == lastAlert {
		return nil
	}
	const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	id := strings.ToUpper(text)
	if id == "" || len(id) > ulid.EncodedSize || strings.Trim(id, digits) != "" || id[0] > '7' {
		return usageError{
			fmt.Errorf("%q is neither the beginning of an alert's id, as 'vigil alerts list' shows them, nor %q, the "+
				"alert that began last", text, lastAlert),
		}
	}
	return nil
}

// findID gives the whole id of the alert that text means: an id, the beginning of just one, or the last one.
func findID(ctx context.Context, conn *broker.Conn, text, camera string) (string, error) {
	if text == lastAlert {
		return conn.Latest(ctx, camera)
	}
	id := strings.ToUpper(text)
	if alerts.ValidID(id) == nil {
		return id, nil
	}
	ids, err := conn.ByPrefix(ctx, id, camera)
	switch {
	case err != nil:
		return "", err
	case len(ids) == 0:
		return "", fmt.Errorf("%w: no id begins with %s; 'vigil alerts list' shows them", broker.ErrNoAlert, text)
	case len(ids) == 1:
		return ids[0], nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d alerts' ids begin with %s; give more digits of one:", len(ids), text)
	// The newest are the likeliest to be meant.
	if more := len(ids) - mostCandidates; more > 0 {
		fmt.Fprintf(&b, "\n  %d older ones", more)
		ids = ids[more:]
	}
	for _, id := range ids {
		fmt.Fprintf(&b, "\n  %s  %s", id, idTime(id).Local().Format(time.DateTime))
	}
	return "", usageError{fmt.Errorf("%s", &b)}
}

// idTime is when an id was made.
func idTime(id string) time.Time {
	u, err := ulid.ParseStrict(id)
	if err != nil {
		return time.Time{}
	}
	return ulid.Time(u.Time())
}
