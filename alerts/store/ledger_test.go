package store

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// ledgerOf creates a ledger with an open event, an ended one, a gap and a cursor.
func ledgerOf(t *testing.T, dir string) *State {
	t.Helper()
	l := NewLedger(dir, nil, false)
	l.Stored(3, "A", 0, false, []byte(`{"n":0}`))
	l.Stored(4, "B", 0, false, []byte(`{"n":1}`))
	l.Stored(5, "A", 1, true, nil)
	l.Stored(7, "B", 1, false, []byte(`{"n":2}`))
	l.Lost(RangesOf([]uint64{6}))
	l.Cursors(map[string]uint64{"nats": 1, "nats.yard": 7})
	l.Forget("nats")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return l.State()
}

func TestLedgerRoundTrip(t *testing.T) {
	dir := t.TempDir()
	want := ledgerOf(t, dir)
	got, damage, err := ReadState(dir)
	if err != nil || damage != "" || !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v, %q, %v, want %+v", got, damage, err, want)
	}
	if got.Expected.String() != "3-5,7" || got.Holes.String() != "6" || got.Last != 7 || len(got.Open) != 1 ||
		got.Open["B"].Seq != 1 || got.Cursors["nats.yard"] != 7 {
		t.Errorf("read %+v", got)
	}
}

// A truncated or corrupted ledger is never taken for another one: an earlier state is read, or damage is reported.
func TestDamagedLedger(t *testing.T) {
	dir := t.TempDir()
	want := ledgerOf(t, dir)
	whole, err := os.ReadFile(LedgerFile(dir))
	if err != nil {
		t.Fatal(err)
	}
	for at := range whole {
		flipped := bytes.Clone(whole)
		flipped[at] ^= 0x15
		for name, data := range map[string][]byte{"cut": whole[:at], "flipped": flipped} {
			if err := os.WriteFile(LedgerFile(dir), data, 0o600); err != nil {
				t.Fatal(err)
			}
			got, damage, err := ReadState(dir)
			switch {
			case err != nil:
				t.Fatal(err)
			// a line without its line end may be unfinished
			case got == nil && damage == "", name == "flipped" && damage == "" && at < len(whole)-1:
				t.Fatalf("%s at %d: nothing is reported", name, at)
			case got != nil && got.Last > want.Last:
				t.Fatalf("%s at %d: last is %d", name, at, got.Last)
			}
		}
	}
}

func TestNewerLedgerVersion(t *testing.T) {
	dir := t.TempDir()
	text, err := encodeEntry(entry{Version: ledgerVersion + 1, State: newState()})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(LedgerFile(dir), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ReadState(dir); !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), LedgerFile(dir)) {
		t.Errorf("the error is %v", err)
	}
}

// Reading any block terminates, and every record returned is part of it unchanged.
func FuzzBlock(f *testing.F) {
	h := blockHash("S", 1)
	one := tombstone("S", 1, 5, 1)
	f.Add(one, 3)
	f.Add(append(bytes.Clone(one), tombstone("S", 1, 6, 1)...), 40)
	f.Fuzz(func(t *testing.T, data []byte, at int) {
		if at >= 0 && at < len(data) {
			data = append(append(bytes.Clone(data[:at]), one...), data[at:]...)
		}
		records, bad := parseBlock(data, h)
		sum := 0
		for _, r := range records {
			sum += len(r.raw)
			if !bytes.Contains(data, r.raw) {
				t.Fatal("a record is not in the block")
			}
		}
		for _, g := range bad {
			sum += g.bytes
		}
		if sum != len(data) {
			t.Fatalf("%d bytes of %d are accounted for", sum, len(data))
		}
	})
}

// After Flush the file contains earlier changes; if it cannot be written, Flush returns an error.
func TestFlushWaitsForTheFile(t *testing.T) {
	dir := t.TempDir()
	l := NewLedger(dir, nil, false)
	l.Stored(3, "A", 0, true, nil)
	for first := uint64(4); first < 9; first++ {
		l.Reclaimed(first)
		if err := l.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s, _, err := ReadState(dir); err != nil || s == nil || s.First != first || len(s.Expected) > 0 {
			t.Fatalf("the file has %+v: %v", s, err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Flush(t.Context()); err != nil {
		t.Errorf("closed: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	nowhere := NewLedger(filepath.Join(dir, "file", "x"), nil, false)
	if err := nowhere.Flush(t.Context()); err == nil {
		t.Error("a ledger that cannot be written gives no error")
	}
	if err := nowhere.Close(); err == nil {
		t.Error("and closes as if it were")
	}
}

// Missing numbers that are found again are not gaps any more.
func TestFoundNumbersAreNotMissing(t *testing.T) {
	s := newState()
	s.apply(entry{Present: Ranges{{1, 9}}})
	s.apply(entry{Holes: Ranges{{3, 6}}})
	s.apply(entry{Present: Ranges{{4, 5}}})
	if s.Expected.String() != "1-2,4-5,7-9" || s.Holes.String() != "3,6" {
		t.Errorf("must %v, holes %v", s.Expected, s.Holes)
	}
}
