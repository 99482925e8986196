package archive

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"vigil/alerts"
)

// Last identifies the alert that began last, in place of an id.
const Last = "last"

const (
	// shortDigits is the usual displayed length of an id: its time to the millisecond and two more digits, which
	// distinguish ids of one moment.
	shortDigits = 12
	// maxCandidates is how many ids are listed for an ambiguous prefix.
	maxCandidates = 10
)

// AmbiguousError means that several alerts' ids have the given prefix; it is wrapped in an InvalidError.
type AmbiguousError struct {
	Prefix string
	IDs    []string // the oldest first
}

// Error lists the newest of the ids with the start of their alerts.
func (e *AmbiguousError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d alerts' ids begin with %s; give more digits of one:", len(e.IDs), e.Prefix)
	ids := e.IDs
	// Show the newest, which are the most likely.
	if more := len(ids) - maxCandidates; more > 0 {
		fmt.Fprintf(&b, "\n  %d older ones", more)
		ids = ids[more:]
	}
	for _, id := range ids {
		fmt.Fprintf(&b, "\n  %s  %s", id, idTime(id).Local().Format(time.DateTime))
	}
	return b.String()
}

// ShortID returns a prefix of an id that Resolve accepts, unless another alert began at the same millisecond.
func ShortID(id string) string { return id[:min(shortDigits, len(id))] }

// DistinctDigits returns how many digits distinguish all of these ids, at least the length of ShortID.
func DistinctDigits(ids []string) int {
	for n := shortDigits; ; n++ {
		seen := map[string]bool{}
		for _, id := range ids {
			seen[id[:min(n, len(id))]] = true
		}
		if len(seen) == len(ids) {
			return n
		}
	}
}

// CheckID returns an InvalidError for text that cannot be a prefix of an id, without a request.
func CheckID(text string) error {
	if text == Last {
		return nil
	}
	const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	id := strings.ToUpper(text)
	if id == "" || len(id) > ulid.EncodedSize || strings.Trim(id, digits) != "" || id[0] > '7' {
		return &InvalidError{
			fmt.Errorf("%q is neither the beginning of an alert's id, as 'vigil alerts list' shows them, nor %q, the "+
				"alert that began last", text, Last),
		}
	}
	return nil
}

// Resolve returns the id of the alert that text identifies: an id, a unique prefix, or Last. With a camera it searches
// only that one's. An ambiguous prefix is an InvalidError around an AmbiguousError.
func (a *Archive) Resolve(ctx context.Context, text, camera string) (string, error) {
	if err := CheckID(text); err != nil {
		return "", err
	}
	if text == Last {
		return a.latest(ctx, camera)
	}
	id := strings.ToUpper(text)
	if alerts.ValidID(id) == nil {
		return id, nil
	}
	ids, err := a.byPrefix(ctx, id, camera)
	if err != nil {
		return "", err
	}
	return Choose(text, ids)
}

// Choose returns the id of the ids that begin with text if there is only one. More are an InvalidError around an
// AmbiguousError; none is ErrNoAlert.
func Choose(text string, ids []string) (string, error) {
	switch len(ids) {
	case 0:
		return "", fmt.Errorf("%w: no id begins with %s; 'vigil alerts list' shows them", ErrNoAlert, text)
	case 1:
		return ids[0], nil
	}
	return "", &InvalidError{&AmbiguousError{Prefix: text, IDs: ids}}
}

// SincePrefix returns a time before the messages of the alerts whose ids have a prefix.
func SincePrefix(prefix string) (time.Time, error) {
	first, err := firstID(prefix)
	return ulid.Time(first.Time()).Add(-maxClockSkew), err
}

// idTime is the creation time of an id.
func idTime(id string) time.Time {
	u, err := ulid.ParseStrict(id)
	if err != nil {
		return time.Time{}
	}
	return ulid.Time(u.Time())
}
