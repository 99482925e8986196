package main

import (
	"fmt"
	"strings"
	"testing"

	"vigil/internal/natstest"
)

// A password of a NATS server works on the command line, with a warning that does not show it, and without one in the
// environment.
func TestPasswordsOfServersOnTheCommandLine(t *testing.T) {
	port := natstest.FreePort(t)
	natstest.Launch(t, port, "authorization: {user: u, password: s3cret}\n"+natstest.JetStreamIn(t.TempDir()))
	t.Chdir(t.TempDir())
	plain, login := fmt.Sprintf("nats://127.0.0.1:%d", port), fmt.Sprintf("nats://u:s3cret@127.0.0.1:%d", port)
	list := []string{"alerts", "list", "--server"}
	replayed := []string{"replay", "none.mkv", "-m", "none.safetensors", "--nats"}
	for _, tt := range []struct {
		args           []string
		address        string
		environment    bool
		warns, refused bool
	}{
		{list, login, false, true, false},
		{list, plain, true, false, false},
		{list, plain, false, false, true},
		{replayed, login, false, true, true},
		{replayed, plain, true, false, true},
	} {
		t.Run(tt.args[0], func(t *testing.T) {
			user, password := "", ""
			if tt.environment {
				user, password = "u", "s3cret"
			}
			t.Setenv("NATS_USER", user)
			t.Setenv("NATS_PASSWORD", password)
			var out, errs strings.Builder
			code := run(t.Context(), append(tt.args, tt.address), &out, &errs)
			if warned := strings.Contains(errs.String(),
				"set $NATS_USER and $NATS_PASSWORD instead"); warned != tt.warns {
				t.Errorf("warned is %t: %s", warned, errs.String())
			}
			if (code != exitDone) != tt.refused || strings.Contains(errs.String()+out.String(), "s3cret") {
				t.Errorf("exit code %d: %s%s", code, errs.String(), out.String())
			}
		})
	}
}
