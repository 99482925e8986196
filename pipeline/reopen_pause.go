package pipeline

import (
	"time"

	"vigil/internal/retry"
)

// stableAfter is how long a source must deliver before the backoff restarts.
const stableAfter = time.Minute

// NewBackoff returns the delays between two openings of a source: from first to longest, with jitter, so that the
// cameras behind one switch are not all reopened at once, and from first again after a source that delivered for a
// minute.
func NewBackoff(first, longest time.Duration) *retry.Backoff {
	return &retry.Backoff{First: first, Max: longest, StableAfter: stableAfter, Jitter: true}
}
