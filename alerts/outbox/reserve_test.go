package outbox

import (
	"os"
	"path/filepath"
	"testing"
)

// A reserve is recognised by its content: a user's file of that name is neither deleted nor overwritten.
func TestReserveIsRecognised(t *testing.T) {
	dir := t.TempDir()
	r := newReserve(dir, 1<<16)
	if err := r.fill(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(r.path); err != nil || info.Size() != r.bytes {
		t.Fatalf("%v, %v", info, err)
	}
	// A killed process may have left half of one.
	half, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	part := filepath.Join(dir, ".reserve-1")
	mine := filepath.Join(dir, ".reserve-2")
	for path, text := range map[string][]byte{part: half[:100], mine: []byte("mine")} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.release()
	for path, stays := range map[string]bool{r.path: false, part: false, mine: true} {
		if _, err := os.Lstat(path); (err == nil) != stays {
			t.Errorf("%s: %v, want that it stays: %v", path, err, stays)
		}
	}
	if err := os.WriteFile(r.path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.release()
	if err := r.fill(); err == nil {
		t.Error("no error, although a foreign file is in the way")
	}
	if text, err := os.ReadFile(r.path); err != nil || string(text) != "mine" {
		t.Errorf("%q, %v", text, err)
	}
}
