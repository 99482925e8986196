package broker

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A server starts only in a folder of its own, and removes no file that it did not create.
func TestForeignFolder(t *testing.T) {
	for name, want := range map[string]string{
		"jetstream/notes.txt": "vigil did not make this folder",
		"notes.txt":           "vigil did not make this folder",
		"vigil.sock":          "", // only prevents programs on this machine from reading the store
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "nats")
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
				t.Fatal(err)
			}
			if name == "vigil.sock" { // in a folder of vigil
				if err := os.WriteFile(lockName(dir), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			s, err := Start(t.Context(), Options{Dir: dir, Port: -1})
			if (err == nil) != (want == "") {
				t.Errorf("error %v", err)
			}
			if err == nil {
				if err := s.Shutdown(); err != nil {
					t.Error(err)
				}
			} else if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), dir) {
				t.Errorf("error %v, want %q in it", err, want)
			}
			if text, err := os.ReadFile(path); err != nil || string(text) != "mine" {
				t.Errorf("%q, %v", text, err)
			}
		})
	}
}
