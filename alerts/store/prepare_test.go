package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// streamOf creates the folder of a stream of alerts, with an index.
func streamOf(t *testing.T, dir string) streamDir {
	t.Helper()
	f := streamDir{AlertStream, filepath.Join(dir, "jetstream", "A", "streams", AlertStream)}
	if err := errors.Join(os.MkdirAll(f.file(messagesDir), 0o700), os.WriteFile(f.file(messagesDir, indexFile),
		[]byte("index"), 0o600)); err != nil {
		t.Fatal(err)
	}
	return f
}

// If a repair ends in the middle, the server must not find its old index next to rewritten blocks.
func TestIndexIsRemovedBeforeRewrite(t *testing.T) {
	dir := t.TempDir()
	f := streamOf(t, dir)
	raw := tombstone(AlertStream, 1, 3, 1)
	one, ok := parseRecord(raw, blockHash(AlertStream, 1))
	if !ok {
		t.Fatal("no record")
	}
	// The second block cannot be overwritten.
	if err := errors.Join(os.WriteFile(f.block(1), raw, 0o600), os.MkdirAll(filepath.Join(f.block(2), "x"),
		0o700)); err != nil {
		t.Fatal(err)
	}
	found := []damagedBlock{
		{n: 1, records: []record{one}, bad: []badRegion{{bytes: 9}}},
		{n: 2, records: []record{one}, bad: []badRegion{{bytes: 9}}},
	}
	m := &repairer{dir: dir, quarantine: quarantine{dir: dir, stamp: "now"}}
	if err := m.repair(f, &Damage{}, found, []int{1, 2}, 3); err == nil {
		t.Fatal("it did not end in the middle")
	}
	if _, err := os.Lstat(f.file(messagesDir, indexFile)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the index is still there: %v", err)
	}
}

// An empty folder among the streams is not damage, whoever created it.
func TestEmptyFolderIsNotDamage(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "jetstream", "A", "streams", "zzz", messagesDir), 0o700); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if found, err := Prepare(dir, nil, time.Now()); err != nil || len(found) > 0 {
			t.Errorf("found %+v: %v", found, err)
		}
	}
}
