package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vigil/capture/source"
)

// valid returns a Config with one camera, for a test to invalidate.
func valid(t *testing.T) Config {
	t.Helper()
	source, err := source.ParseAddress("device:0")
	if err != nil {
		t.Fatal(err)
	}
	c := Default()
	c.Cameras = []Camera{{Name: "gate", Source: source, Settings: c.Defaults}}
	return c
}

// TestValidateWithoutFile: a Config built in Go is checked by the same rules, with the same keys.
func TestValidateWithoutFile(t *testing.T) {
	if err := valid(t).Validate(); err != nil {
		t.Fatal(err)
	}
	c := valid(t)
	c.Log.Level = "all"
	c.Cameras[0].Hop = 0
	c.Cameras[0].Detector.CoolDown = -1
	c.Cameras[0].Threshold = &Threshold{Lo: -1, Theta: 2}
	c.Cameras[0].Armed = []Hours{{From: -1, To: 24*60 + 1}}
	err := c.Validate()
	var all *Errors
	if !errors.As(err, &all) || len(all.Problems) != 6 {
		t.Fatalf("want 6 problems, got %v", err)
	}
	for _, want := range []string{
		"the configuration has 6 problems:",
		`log.level: is "all", must be one of debug, info, warn, error`,
		"cameras[0].hop: is 0, must be at least 1",
		"cameras[0].detector.cool_down: is -1ns, must be at least 0s",
		"cameras[0].threshold.lo: is -1, must be at least 0",
		"cameras[0].armed[0].from: is 00:-1, must be from 00:00 to 23:59",
		"cameras[0].armed[0].to: is 24:01, must be from 00:00 to 24:00",
	} {
		if !strings.Contains("\n"+err.Error()+"\n", "\n"+want+"\n") {
			t.Errorf("%q is not in\n%v", want, err)
		}
	}
}

func TestLoopbackHostsNeedNoPassword(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1": true, "127.1.2.3": true, "::1": true, "localhost": true,
		"0.0.0.0": false, "::": false, "192.0.2.1": false, "localhost.example": false,
	} {
		c := valid(t)
		c.NATS.Embedded.Host = host
		if got := c.Validate() == nil; got != want {
			t.Errorf("%s without a password is fine: %v, want %v", host, got, want)
		}
		c.NATS.Embedded.User, c.NATS.Embedded.Password = "u", NewSecret("p")
		if err := c.Validate(); err != nil {
			t.Errorf("%s with a password: %v", host, err)
		}
	}
}

func TestCheckFiles(t *testing.T) {
	folder := t.TempDir()
	there := filepath.Join(folder, "there")
	if err := os.WriteFile(there, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	source, err := source.ParseAddress(filepath.Join(folder, "missing.mkv"))
	if err != nil {
		t.Fatal(err)
	}
	c := valid(t)
	c.Model, c.NATS.Creds = there, there
	c.Cameras[0].Model, c.Cameras[0].Calibration = there, there
	if err := c.CheckFiles(); err != nil {
		t.Error(err)
	}
	missing := filepath.Join(folder, "missing")
	c.Model, c.Cameras[0].Model, c.Cameras[0].Calibration, c.Cameras[0].Source = missing, missing, folder, source
	c.NATS.Creds = filepath.Join(there, "in", "a", "file")
	want := fmt.Sprintf("the configuration has 4 problems:\nmodel: no such file: %s\n"+
		"nats.creds: %s: not a directory\ncameras[0].calibration: is not a file: %s\n"+
		"cameras[0].source: no such file or directory: %s.mkv", missing, c.NATS.Creds, folder, missing)
	if err := c.CheckFiles(); err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

func TestSecretNeverShows(t *testing.T) {
	c := valid(t)
	c.NATS.Password, c.NATS.Token, c.NATS.Embedded.Password = NewSecret("hunter2"), NewSecret("hunter2"),
		NewSecret("hunter2")
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := c.YAML()
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("loaded", "config", c, "password", c.NATS.Password)
	for _, shown := range []string{
		string(asJSON), string(asYAML), log.String(), fmt.Sprint(c), fmt.Sprintf("%+v %#v %q", c, c, c.NATS.Password),
	} {
		if strings.Contains(shown, "hunter2") || strings.Contains(shown, "68756e74657232") {
			t.Errorf("the password is in %s", shown)
		}
	}
	if c.NATS.Password.Reveal() != "hunter2" || c.NATS.Password != NewSecret("hunter2") || NewSecret("") != (Secret{}) {
		t.Error("a secret is not what it was made from")
	}
}

func TestDistance(t *testing.T) {
	for pair, want := range map[[2]string]int{
		{"", ""}: 0, {"hop", "hop"}: 0, {"hpo", "hop"}: 1, {"hp", "hop"}: 1, {"hopp", "hop"}: 1, {"hip", "hop"}: 1,
		{"", "abc"}: 3, {"data_dri", "data_dir"}: 1, {"kitten", "sitting"}: 3,
	} {
		if got := distance(pair[0], pair[1]); got != want {
			t.Errorf("from %q to %q are %d, want %d", pair[0], pair[1], got, want)
		}
	}
}
