//go:build cgo && gocv_videoio

package app

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vigil/config"
	"vigil/internal/leaktest"
)

// If any part of the outbox, its sinks or the evidence cannot be opened, the error names it, and nothing
// stays open.
func TestOpenSinksLeavesNothingOpen(t *testing.T) {
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	hook := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(hook.Close)
	put := func(path string) {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700),
			os.WriteFile(path, []byte("x"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	const away = "mqtt: {url: 'tcp://127.0.0.1:1'}\n"
	for name, c := range map[string]struct {
		more  string // of the configuration
		spoil func(dir string)
		want  string
	}{
		"data_dir is a file": {spoil: func(dir string) { put(dir) }, want: "a file is in the way"},
		"data_dir is a file, MQTT": {
			more: away, spoil: func(dir string) { put(dir) },
			want: "a file is in the way",
		},
		"the lock is a folder": {
			more:  away,
			spoil: func(dir string) { put(filepath.Join(dir, "nats", "vigil.lock", "x")) }, want: "vigil.lock",
		},
		"the folder of streams is a file": {
			more:  away,
			spoil: func(dir string) { put(filepath.Join(dir, "nats", "jetstream")) },
			want:  "vigil did not make this folder",
		},
		"the id is damaged, a server": {
			more:  "nats: {url: 'nats://127.0.0.1:1'}\n" + away,
			spoil: func(dir string) { put(filepath.Join(dir, "id")) }, want: "16 hexadecimal digits",
		},
		"no credentials for the server": {
			more: "nats: {url: 'nats://127.0.0.1:1', creds: /none}\n" + away,
			want: "credentials file",
		},
		"no authority for the MQTT broker": {
			more: "mqtt: {url: 'ssl://127.0.0.1:1', tls: {ca: /none}}\n",
			want: "authority",
		},
		"no authority for the webhook": {
			more: "webhook: {url: '" + hook.URL + "', tls: {ca: /none}}\n",
			want: "authority",
		},
		"a secret of the webhook's is none": {
			more: "webhook: {url: '" + hook.URL + "', secret: whsec_!}\n" + away,
			want: "base64",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			if c.spoil != nil {
				c.spoil(dir)
			}
			if !strings.Contains(c.more, "nats:") {
				c.more += "nats: {embedded: {port: 0}}\n"
			}
			file := writeConfig(t, filepath.Join(t.TempDir(), "vigil.yaml"), "data_dir: "+dir+"\nmodel: none\n"+c.more+
				"cameras: [{name: yard, source: 'rtsp://127.0.0.1/x'}]\n")
			cfg, err := config.Load(file)
			if err != nil {
				t.Fatal(err)
			}
			leaktest.None(t, func() {
				sinks, err := OpenSinks(t.Context(), cfg, slog.New(slog.DiscardHandler))
				if err == nil {
					t.Fatal(errors.Join(errors.New("open"), sinks.Shutdown()))
				}
				if !strings.Contains(err.Error(), c.want) {
					t.Errorf("error %q, want %q in it", err, c.want)
				}
			})
		})
	}
	t.Run("canceled", func(t *testing.T) {
		cfg := config.Default()
		cfg.DataDir, cfg.NATS.Embedded.Port = filepath.Join(t.TempDir(), "data"), 0
		leaktest.None(t, func() {
			for n := 1; ; n += 1 + n/2 {
				ctx := leaktest.After(t.Context(), n)
				sinks, err := OpenSinks(ctx, cfg, slog.New(slog.DiscardHandler))
				if err != nil {
					continue
				}
				if err := sinks.Shutdown(); err != nil {
					t.Error(err)
				}
				if !ctx.Over() {
					return
				}
			}
		})
	})
}

func writeConfig(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
