package outbox

import "vigil/internal/retry"

// newBackoff returns the pauses between attempts to store or deliver an alert, or to restart the server.
func (o *Outbox) newBackoff() *retry.Backoff {
	return &retry.Backoff{First: firstRetry, Max: o.opts.LongestPause}
}
