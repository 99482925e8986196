package offline

import "testing"

// The user of $NATS_USER is for a server that is named.
func TestNATSServerTakesTheUserOfTheEnvironment(t *testing.T) {
	t.Setenv("NATS_USER", "u")
	for address, want := range map[string]string{"": "", "nats://127.0.0.1:4222": "u"} {
		if got := NATSServer(address); got.User != want || got.URL != address {
			t.Errorf("--nats %q: got the user %q at %q", address, got.User, got.URL)
		}
	}
}
