package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vigil/config"
)

// runConfigCommand runs one of the config commands and gives what it printed.
func runConfigCommand(args ...string) (string, error) {
	c := configCommand()
	var out bytes.Buffer
	c.SetOut(&out)
	c.SetErr(&out)
	c.SetArgs(args)
	c.SilenceErrors, c.SilenceUsage = true, true
	err := c.Execute()
	return out.String(), err
}

func TestConfigInitCheckPrint(t *testing.T) {
	t.Chdir(t.TempDir())
	if out, err := runConfigCommand("init"); err != nil || !strings.HasPrefix(out, "vigil.yaml: written") {
		t.Fatalf("init: %q, %v", out, err)
	}
	// What the README makes before is not there yet, and nothing else is wrong.
	if _, err := runConfigCommand("check"); err == nil || strings.Count(err.Error(), "\n") != 2 ||
		!strings.Contains(err.Error(), "model: no such file: ") ||
		!strings.Contains(err.Error(), "cameras[0].calibration: no such file: ") {
		t.Errorf("check: %v", err)
	}
	out, err := runConfigCommand("print", "-c", "vigil.yaml")
	if err != nil || !strings.Contains(out, "source: rtsp://10.0.0.7/stream1\n") {
		t.Errorf("print: %v\n%s", err, out)
	}
	if out, err := runConfigCommand("schema"); err != nil || !strings.Contains(out, `"cameras"`) {
		t.Errorf("schema: %v\n%s", err, out)
	}
}

func TestConfigInitNeverReplacesUnasked(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "mine.yaml")
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := runConfigCommand("init", "-o", path)
	if !isUsage(err) || !strings.Contains(err.Error(), "exists already") {
		t.Errorf("got %v, want a usage error", err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "mine" {
		t.Errorf("the file now holds %q, %v", text, err)
	}
	if _, err := runConfigCommand("init", "-o", path, "--force"); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(path); err != nil || !bytes.Equal(text, config.Example) {
		t.Errorf("with --force the file holds %q, %v", text, err)
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 1 {
		t.Errorf("init left %v, %v", entries, err)
	}
	if _, err := runConfigCommand("init", "-o", filepath.Join(folder, "none", "vigil.yaml")); err == nil {
		t.Error("a file in no folder was written")
	}
}

// TestConfigCheckReportsAll: what is wrong in the file and what it names that is not there come together.
func TestConfigCheckReportsAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vigil.yaml")
	text := "model: missing.safetensors\ncameras:\n  - {name: gate, source: missing.mkv, hop: 0}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := runConfigCommand("check", "-c", path)
	if !isUsage(err) {
		t.Fatalf("got %v, want a usage error", err)
	}
	for _, want := range []string{
		path + " has 3 problems:", path + ":3: cameras[0].hop: is 0, must be at least 1",
		path + ":1: model: no such file: ", path + ":3: cameras[0].source: no such file or directory: ",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in\n%v", want, err)
		}
	}
	out, again := runConfigCommand("check", "-c", path, "--json")
	var c checkedConfig
	if jsonErr := json.Unmarshal([]byte(out), &c); jsonErr != nil || !isUsage(again) || c.Valid || c.File != path ||
		c.Error != err.Error() {
		t.Errorf("with --json it prints %s, %v", out, jsonErr)
	}
}
