package archive

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"vigil/alerts"
)

// Last stands for the alert that began last, in the place of an id.
const Last = "last"

const (
	// shortDigits is how much of an id is usually shown: its time to the millisecond and two digits more, by which
	// those of one moment differ.
	shortDigits = 12
	// maxCandidates is how many ids are listed where a prefix fits several.
	maxCandidates = 10
)

// AmbiguousError is the answer where several alerts' ids begin with what was given; an InvalidError around it says so.
type AmbiguousError struct {
	Prefix string
	IDs    []string // the oldest first
}

func (e *AmbiguousError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d alerts' ids begin with %s; give more digits of one:", len(e.IDs), e.Prefix)
	ids := e.IDs
	// The newest are the likeliest to be meant.
	if more := len(ids) - maxCandidates; more > 0 {
		fmt.Fprintf(&b, "\n  %d older ones", more)
		ids = ids[more:]
	}
	for _, id := range ids {
		fmt.Fprintf(&b, "\n  %s  %s", id, idTime(id).Local().Format(time.DateTime))
	}
	return b.String()
}

// ShortID is as much of an id as Resolve needs, unless another alert began at the same millisecond.
func ShortID(id string) string { return id[:min(shortDigits, len(id))] }

// DistinctDigits is how many digits tell all of these ids apart, at least as many as ShortID gives.
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

// CheckID reports, before anything is asked, what cannot be the beginning of an id. Its errors are InvalidErrors.
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

// Resolve gives the whole id of the alert that text means: an id, the beginning of just one, or Last. With a camera it
// looks among that one's only. A beginning that several share is an InvalidError around an AmbiguousError.
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
	switch {
	case err != nil:
		return "", err
	case len(ids) == 0:
		return "", fmt.Errorf("%w: no id begins with %s; 'vigil alerts list' shows them", ErrNoAlert, text)
	case len(ids) == 1:
		return ids[0], nil
	}
	return "", &InvalidError{&AmbiguousError{Prefix: text, IDs: ids}}
}

// idTime is when an id was made.
func idTime(id string) time.Time {
	u, err := ulid.ParseStrict(id)
	if err != nil {
		return time.Time{}
	}
	return ulid.Time(u.Time())
}
