package app

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"vigil/alerts/broker"
)

// A connection that works is no warning; one that does not is, with an error's text and code if there is one.
func TestConnectionLevels(t *testing.T) {
	for _, c := range []struct {
		state string
		err   error
		want  string
	}{
		{broker.StateConnected, nil, "level=INFO msg=\"connection to the NATS server\" state=connected"},
		{broker.StateReconnected, nil, "level=INFO msg=\"connection to the NATS server\" state=reconnected"},
		{broker.StateDisconnected, nil, "level=WARN msg=\"connection to the NATS server\" state=disconnected"},
		{broker.StateRefused, errors.New("no permission"), "level=WARN msg=\"connection to the NATS server\" state=refused error="},
	} {
		var b bytes.Buffer
		logConnection(slog.New(slog.NewTextHandler(&b, nil)))(c.state, c.err)
		if got := b.String(); !strings.Contains(got, c.want) || c.err == nil && strings.Contains(got, "error=") {
			t.Errorf("%s: %s", c.state, got)
		}
	}
}
