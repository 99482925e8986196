package app

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"vigil/capture/source"
	"vigil/config"
	"vigil/pipeline"
)

// What the log advises is what the configuration accepts.
func TestAdvisedHopIsAccepted(t *testing.T) {
	f, _ := reflect.TypeFor[config.Settings]().FieldByName("Hop")
	if tag, want := f.Tag.Get("validate"), fmt.Sprintf(",max=%d", pipeline.MaxHop); !strings.HasSuffix(tag, want) {
		t.Errorf("the key hop has the rule %q, want one that ends in %s", tag, want)
	}
}

// The command that mends a calibration reaches vigil as it is meant, whatever the paths are, and its file is a new one.
func TestCalibrateCommand(t *testing.T) {
	live, err := source.ParseAddress("rtsp://camera/x")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "it's $HOME; \"a\" `b`")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"gate.json", "gate-2.json", "yard-7.json"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "vigil.yaml")
	for calibration, out := range map[string]string{
		"gate.json": "gate-3.json", "gate-2.json": "gate-3.json", "yard-7.json": "yard-2.json", "yard": "yard-2",
		"gone.json": "gone-2.json",
	} {
		c := config.Camera{Name: "gate", Source: live}
		c.Calibration = filepath.Join(dir, calibration)
		command := calibrateCommand(c, file)
		words, err := exec.CommandContext(t.Context(), "sh", "-c", "vigil() { printf '%s\\n' \"$@\"; }; "+
			command).Output()
		want := strings.Join([]string{"calibrate", "gate", "-c", file, "--for", "5h", "-o", filepath.Join(dir, out)},
			"\n")
		if got := strings.TrimSuffix(string(words), "\n"); err != nil || got != want {
			t.Errorf("%s\ngives %v\n%s\nwant\n%s", command, err, got, want)
		}
	}
	t.Chdir(dir)
	c := config.Camera{Name: "gate", Source: live}
	c.Calibration = "gate.json"
	if command := calibrateCommand(c, "vigil.yaml"); !strings.Contains(command, shellQuoted(file)) ||
		!strings.HasSuffix(command, shellQuoted(filepath.Join(dir, "gate-3.json"))) {
		t.Errorf("from another folder %s", command)
	}
}
