package broker

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"vigil/internal/alerttest"
)

func TestStartRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	used := filepath.Join(t.TempDir(), "used")
	serve(t, Options{Dir: used})
	for name, c := range map[string]struct {
		o    Options
		want []string
	}{
		"no directory":      {Options{Port: -1}, []string{"directory"}},
		"file as directory": {Options{Dir: file, Port: -1}, []string{file, "a file is in the way"}},
		"below a file": {
			Options{Dir: filepath.Join(file, "x"), Port: -1},
			[]string{file, "a file is in the way"},
		},
		"open to others": {
			Options{Dir: t.TempDir(), Host: "0.0.0.0", Port: -1},
			[]string{"0.0.0.0", "user and a password"},
		},
		"open, all of IPv6": {Options{Dir: t.TempDir(), Host: "::", Port: -1}, []string{"user and a password"}},
		"open by name": {
			Options{Dir: t.TempDir(), Host: "example.org", Port: -1},
			[]string{"user and a password"},
		},
		"user alone": {Options{Dir: t.TempDir(), User: "u", Port: -1}, []string{"both"}},
		"port in use": {Options{Dir: t.TempDir(), Port: port}, []string{
			"127.0.0.1:" + strconv.Itoa(port),
			"address already in use", "choose another port",
		}},
		"port out of range": {Options{Dir: t.TempDir(), Port: 70000}, []string{"70000"}},
		"no address of ours": {
			Options{Dir: t.TempDir(), Host: "192.0.2.1", User: "u", Password: "s3cret", Port: -1},
			[]string{"192.0.2.1", "no such address"},
		},
		"another vigil's": {Options{Dir: used, Port: -1}, []string{used, "another vigil"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Start(alerttest.Within(t), c.o)
			if err == nil {
				t.Fatal(errors.Join(errors.New("started"), s.Shutdown()))
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
					t.Errorf("error %q, want %q in it", err, want)
				}
			}
		})
	}
}

// A directory that replaced the server's is noticed at whatever moment it came.
func TestADirectoryThatIsReplacedAtAnyMoment(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	replace := func(string) error {
		return errors.Join(os.Rename(dir, dir+".away"), os.Mkdir(dir, 0o700),
			os.WriteFile(lockName(dir), nil, 0o600))
	}
	if s, err := Start(alerttest.Within(t), Options{Dir: dir, NoListen: true, Prepare: replace}); !errors.Is(err,
		ErrMoved) {
		if err == nil {
			err = s.Shutdown()
		}
		t.Errorf("replaced between its lock and the server's start: %v", err)
	}
	if err := errors.Join(os.RemoveAll(dir), os.Rename(dir+".away", dir)); err != nil {
		t.Fatal(err)
	}
	s := serve(t, Options{Dir: dir, NoListen: true})
	if err := s.Moved(); err != nil {
		t.Errorf("nothing was moved: %v", err)
	}
	if err := replace(dir); err != nil {
		t.Fatal(err)
	}
	s.RecordDirs()
	if err := s.Moved(); !errors.Is(err, ErrMoved) {
		t.Errorf("replaced before its identity was recorded again: %v", err)
	}
}

func TestDirectoryIsFreeAfterShutdown(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	for range 2 {
		s, err := Start(alerttest.Within(t), Options{Dir: dir, Port: -1})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := s.Shutdown(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestCredentialsOfTheEmbeddedServer(t *testing.T) {
	s := serve(t, Options{Host: "0.0.0.0", User: "u", Password: "s3cret"})
	if url := s.URL(); !strings.HasPrefix(url, "nats://127.0.0.1:") || strings.Contains(url, "s3cret") {
		t.Errorf("URL %q", url)
	}
	dial(t, DialOptions{Server: s})
	dial(t, DialOptions{URL: s.URL(), User: "u", Password: "s3cret"})
	for name, o := range map[string]DialOptions{
		"none": {URL: s.URL()}, "wrong": {URL: s.URL(), User: "u", Password: "s3creT"},
		"wrong in the address": {URL: strings.Replace(s.URL(), "//", "//u:s3creT@", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := Dial(alerttest.Within(t), o)
			if err == nil {
				t.Fatal(errors.Join(errors.New("connected"), c.Close()))
			}
			if text := err.Error(); !strings.Contains(text, "not what this server expects") ||
				strings.Contains(strings.ToLower(text), "s3cret") {
				t.Errorf("error %q", text)
			}
		})
	}
}

func TestServerWritesToItsLogOnly(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = w, w
	var log bytes.Buffer
	s, startErr := Start(alerttest.Within(t), Options{
		Dir: t.TempDir(), Port: -1,
		Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	var dialErr, stopErr error
	if startErr == nil {
		var c *Conn
		if c, dialErr = Dial(alerttest.Within(t), DialOptions{Server: s}); dialErr == nil {
			dialErr = c.Close()
		}
		stopErr = s.Shutdown()
	}
	os.Stdout, os.Stderr = stdout, stderr
	if err := errors.Join(startErr, dialErr, stopErr, w.Close()); err != nil {
		t.Fatal(err)
	}
	printed, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if len(printed) > 0 {
		t.Errorf("printed %q", printed)
	}
	if !strings.Contains(log.String(), "component=nats") {
		t.Errorf("nothing of the server's in its log: %q", log.String())
	}
}

// No test here can cut the power; this one at least fails if the server acknowledges before it syncs.
func TestAcknowledgedMeansSynced(t *testing.T) {
	for name, lazy := range map[string]bool{"as vigil does it": false, "left to the system": true} {
		s := serve(t, Options{SyncLazily: lazy})
		for range 2 {
			if c := s.current().JetStreamConfig(); c == nil || c.SyncAlways == lazy {
				t.Errorf("%s: the server's streams are kept with %+v", name, c)
			}
			if err := s.Restart(alerttest.Within(t)); err != nil {
				t.Fatal(err)
			}
		}
	}
}
