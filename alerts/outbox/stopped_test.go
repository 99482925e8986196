package outbox

import (
	"context"
	"testing"
	"time"

	"vigil/alerts/broker"
)

// A start that is cancelled at any step only returns an error.
func TestOpenCancelled(t *testing.T) {
	dir := t.TempDir()
	for after := time.Duration(0); ; after = after*5/4 + time.Millisecond {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		o, err := Open(ctx, Options{Server: broker.Options{Dir: dir, NoListen: true}})
		cancel()
		if err != nil {
			continue
		}
		if err := o.Close(); err != nil {
			t.Error(err)
		}
		return
	}
}
