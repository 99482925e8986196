package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vigil/alerts/evidence"
)

// Whatever somebody has put into the bucket of evidence, an export writes what vigil makes, into its folder, over
// nothing.
func TestExportOverwritesNothing(t *testing.T) {
	url, js, a := serveStoredAlert(t)
	objects, err := evidence.OpenObjects(t.Context(), js, evidence.Limits{Bytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	export := func(dir string) (int, string) {
		code, out, errs := runAlerts(t.Context(), "export", a.ID, dir, "--server", url)
		return code, out + errs
	}
	const mine = "mine"
	for name, prepare := range map[string]func(t *testing.T, path string) error{
		"a file":           func(_ *testing.T, path string) error { return os.WriteFile(path, []byte(mine), 0o600) },
		"a link to a file": func(t *testing.T, path string) error { return os.Symlink(victim(t, mine), path) },
		"a link to nowhere": func(t *testing.T,
			path string,
		) error {
			return os.Symlink(filepath.Join(t.TempDir(), "new"), path)
		},
		"a folder": func(_ *testing.T, path string) error { return os.Mkdir(path, 0o700) },
	} {
		for _, file := range []string{"snapshot-25.jpg", "alert.json"} {
			t.Run(name+" as "+file, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), file)
				if err := prepare(t, path); err != nil {
					t.Fatal(err)
				}
				target, _ := os.Readlink(path) // empty where it is no link
				if code, out := export(filepath.Dir(path)); code != exitFailed ||
					!strings.Contains(out, file+" exists ") {
					t.Errorf("exit code %d: %s", code, out)
				}
				if target == "" {
					target = path
				}
				if text, err := os.ReadFile(target); err == nil && string(text) != mine {
					t.Errorf("%s was written", target)
				}
			})
		}
	}
	for _, name := range []string{
		a.ID + "/.bashrc", a.ID + "/../../x", a.ID + "/alert.json", a.ID + "/snapshot-1.jpg.exe",
		a.ID + "/sub/snapshot-1.jpg", a.ID + "/clip-1.mp4\x1b[31m",
	} {
		if err := objects.Put(t.Context(), name, "text/plain", []byte("evil")); err != nil {
			t.Fatal(err)
		}
	}
	home := t.TempDir()
	bashrc := filepath.Join(home, ".bashrc")
	if err := os.WriteFile(bashrc, []byte(mine), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out := export(home)
	if code != exitFailed || !strings.Contains(out, "6 objects") || strings.Contains(out, "\x1b") {
		t.Errorf("exit code %d: %q", code, out)
	}
	entries, err := os.ReadDir(home)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if got := strings.Join(names, " "); got != ".bashrc alert.json clip-0.mp4 model-input-0.mkv snapshot-25.jpg" {
		t.Errorf("written are %s", got)
	}
	if text, err := os.ReadFile(bashrc); err != nil || string(text) != mine {
		t.Errorf(".bashrc is %q, %v", text, err)
	}
	if code, out := export(home); code != exitFailed || strings.Contains(out, " exists ") {
		t.Errorf("the same once more: exit code %d: %s", code, out)
	}
}

func victim(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
