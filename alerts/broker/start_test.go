package broker

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"vigil/internal/alerttest"
	"vigil/internal/leaktest"
)

// A start that fails at any step returns an error, leaves nothing open, and does not prevent the next start.
func TestStartLeavesNothingOpen(t *testing.T) {
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	port := taken.Addr().(*net.TCPAddr).Port
	write := func(t *testing.T, path string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700),
			os.WriteFile(path, []byte("x"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for name, spoil := range map[string]func(t *testing.T, o *Options){
		"a file is the folder": func(t *testing.T, o *Options) { write(t, o.Dir) },
		"the lock is a folder": func(t *testing.T,
			o *Options,
		) {
			write(t, filepath.Join(o.Dir, "vigil.lock", "x"))
		},
		"the folder of streams a file": func(t *testing.T,
			o *Options,
		) {
			write(t, filepath.Join(o.Dir, natsserver.JetStreamStoreDir))
		},
		"the port is taken":         func(_ *testing.T, o *Options) { o.Port = port },
		"the port of MQTT is taken": func(_ *testing.T, o *Options) { o.MQTTPort, o.NoListen = port, false },
		"one has it": func(t *testing.T, o *Options) {
			s, err := Start(alerttest.Within(t), Options{Dir: o.Dir, NoListen: true})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := s.Shutdown(); err != nil {
					t.Error(err)
				}
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := Options{Dir: filepath.Join(t.TempDir(), "store"), Port: -1}
			spoil(t, &o)
			leaktest.None(t, func() {
				if s, err := Start(alerttest.Within(t), o); err == nil {
					t.Fatal(errors.Join(errors.New("started"), s.Shutdown()))
				}
			})
		})
	}
	t.Run("canceled", func(t *testing.T) {
		dir := t.TempDir()
		leaktest.None(t, func() {
			for n := 1; ; n++ {
				ctx := leaktest.After(alerttest.Within(t), n)
				s, err := Start(ctx, Options{Dir: dir, NoListen: true})
				if err != nil {
					continue
				}
				if err := s.Shutdown(); err != nil {
					t.Error(err)
				}
				if !ctx.Over() {
					return
				}
			}
		})
	})
}

// A failed dial leaves no connection behind.
func TestDialLeavesNothingOpen(t *testing.T) {
	silent, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	plain, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	plain.Start()
	t.Cleanup(func() { plain.Shutdown(); plain.WaitForShutdown() })
	if !plain.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server does not answer")
	}
	s := serve(t, Options{User: "u", Password: "p"})
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for name, c := range map[string]struct {
		ctx context.Context //nolint:containedctx // one of the inputs of a table
		o   DialOptions
	}{
		"nobody there":     {alerttest.Within(t), DialOptions{URL: "nats://127.0.0.1:1"}},
		"no streams":       {alerttest.Within(t), DialOptions{URL: plain.ClientURL()}},
		"another password": {alerttest.Within(t), DialOptions{URL: s.URL(), User: "u", Password: "q"}},
		"no such file": {
			alerttest.Within(t),
			DialOptions{URL: s.URL(), Creds: filepath.Join(t.TempDir(), "none")},
		},
		"no store":           {alerttest.Within(t), DialOptions{local: t.TempDir()}},
		"stopped":            {stopped, DialOptions{Server: s}},
		"stopped, no answer": {stopped, DialOptions{URL: "nats://" + silent.Addr().String()}},
	} {
		t.Run(name, func(t *testing.T) {
			leaktest.None(t, func() {
				if conn, err := Dial(c.ctx, c.o); err == nil {
					t.Fatal(errors.Join(errors.New("connected"), conn.Close()))
				}
			})
		})
	}
	t.Run("canceled", func(t *testing.T) {
		leaktest.None(t, func() {
			for n := 1; ; n++ {
				ctx := leaktest.After(alerttest.Within(t), n)
				conn, err := Dial(ctx, DialOptions{Server: s})
				if err != nil {
					continue
				}
				if err := conn.Close(); err != nil {
					t.Error(err)
				}
				if !ctx.Over() {
					return
				}
			}
		})
	})
}
