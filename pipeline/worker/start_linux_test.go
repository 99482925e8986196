//go:build cgo && gocv_videoio

package worker

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"vigil/internal/leaktest"
)

// TestStartLeaksNothing checks that a process that fails to start is an error, and leaves no pipe, goroutine or
// process behind.
func TestStartLeaksNothing(t *testing.T) {
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nexit 0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	messages := filepath.Join(t.TempDir(), "messages")
	if err := os.WriteFile(messages, hello, 0o600); err != nil {
		t.Fatal(err)
	}
	shell := func(text string) []string { return []string{"/bin/sh", "-c", text, messages} }
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for name, c := range map[string]struct {
		ctx context.Context //nolint:containedctx // one of the inputs of a table
		o   Options
	}{
		"no such program":      {t.Context(), Options{Command: []string{filepath.Join(t.TempDir(), "none")}}},
		"not to be run":        {t.Context(), Options{Command: []string{script}}},
		"ends at once":         {t.Context(), Options{Command: shell("exit 0")}},
		"ends after hello":     {t.Context(), Options{Command: shell(`cat "$0"`)}},
		"sends something else": {t.Context(), Options{Command: shell("yes what | head -c 7000; cat >/dev/null")}},
		"stopped":              {stopped, Options{Command: shell(`cat "$0"; cat >/dev/null`)}},
		"no side":              {t.Context(), Options{Side: -1}},
	} {
		t.Run(name, func(t *testing.T) {
			c.o.Address, c.o.OpenTimeout, c.o.ReadTimeout = someAddress(t), waitTimeout, waitTimeout
			if c.o.Side == 0 {
				c.o.Side = testSide
			}
			leaktest.None(t, func() {
				p, err := Start(c.ctx, c.o)
				if err == nil {
					_ = p.Close() // the test has failed
					t.Error("started")
				}
			})
		})
	}
}
