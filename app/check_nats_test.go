package app

import (
	"fmt"
	"strings"
	"testing"

	"vigil/config"
	"vigil/internal/natstest"
)

// A stream that could not be made is found without making it.
func TestCheckReportsThatNoStreamCanBeCreated(t *testing.T) {
	for name, c := range map[string]struct{ server, want string }{
		"not allowed": {
			`authorization: {users: [{user: u, password: p, permissions: {publish: {deny: ["$JS.API.STREAM.CREATE.>"]}}}]}
no_auth_user: u
` + natstest.JetStreamIn(t.TempDir()), "allow this user",
		},
		"no room": {fmt.Sprintf(`accounts: {A: {jetstream: {max_file: 1M}, users: [{user: u, password: p}]}}
no_auth_user: u
jetstream: {store_dir: %q}`, t.TempDir()), "no room"},
	} {
		t.Run(name, func(t *testing.T) {
			port := natstest.FreePort(t)
			natstest.Launch(t, port, c.server)
			cfg := config.Default()
			cfg.NATS.URL = fmt.Sprintf("nats://127.0.0.1:%d", port)
			cfg.Cameras = []config.Camera{{Name: "yard"}}
			if err := CheckNATS(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}
