package outbox

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/sink"
	"vigil/alerts/store"
	"vigil/internal/alerttest"
)

// files returns the folder of a stream's files.
func files(dir, stream string) string {
	return filepath.Join(dir, "jetstream", "$G", "streams", stream)
}

// change edits the content of a file.
func change(t *testing.T, path string, do func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, do(data), 0o600); err != nil {
		t.Fatal(err)
	}
}

// remove deletes a file of a test.
func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

// inMessage changes a byte of the message with this id.
func inMessage(id string) func([]byte) []byte {
	return func(data []byte) []byte {
		data[bytes.Index(data, []byte("Nats-Msg-Id: "+id))+3] ^= 0x55
		return data
	}
}

// opened opens an outbox of a directory with one sink and a log.
func opened(t *testing.T, dir string) (*Outbox, *recordingSink, *alerttest.Log) {
	t.Helper()
	log, recorder := &alerttest.Log{}, &recordingSink{name: "shelf"}
	o := open(t, Options{
		Server: broker.Options{Dir: dir}, Sinks: []sink.Sink{recorder}, Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	return o, recorder, log
}

// stored returns the ids in the stream, in order.
func stored(t *testing.T, o *Outbox) (ids []string) {
	t.Helper()
	if _, err := o.conn.Scan(alerttest.Within(t), broker.ScanOptions{Heads: true}, func(r broker.Record) error {
		ids = append(ids, r.ID)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return ids
}

// Whatever damage a store has: it opens, lost messages are reported by number, no event that had ended gets a second
// end, no number is used twice, and alerts continue. A second start reports nothing.
func TestDamagedStore(t *testing.T) {
	base := filepath.Join(t.TempDir(), "base")
	o, recorder, _ := opened(t, base)
	var ids []string
	for range 4 {
		ids = append(ids, wholeEvent(t, o, "yard")...)
	}
	if err := o.Drain(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	recorder.mu.Lock()
	delivered := len(recorder.got)
	recorder.mu.Unlock()
	if err := o.Close(); err != nil || delivered != len(ids) {
		t.Fatalf("%d of %d were delivered: %v", delivered, len(ids), err)
	}
	const block, index = "msgs/1.blk", "msgs/index.db"
	seventh := func(b []byte) int { return bytes.Index(b, []byte("Nats-Msg-Id: "+ids[6])) }
	half := func(b []byte) []byte { return b[:seventh(b)] }
	zeros := func(b []byte) []byte { clear(b[seventh(b) : seventh(b)+64]); return b }
	tests := []struct {
		name    string
		do      func(t *testing.T, alerts, positions, dir string)
		missing string // numbers; empty for none
		quiet   bool   // nothing is reported
	}{
		{name: "nothing", do: func(*testing.T, string, string, string) {}, quiet: true},
		{name: "no index", do: func(t *testing.T, a, _, _ string) { remove(t, filepath.Join(a, index)) }, quiet: true},
		{name: "a flip", do: func(t *testing.T, a, _, _ string) {
			change(t, filepath.Join(a, block),
				inMessage(ids[4]))
		}, missing: "5"},
		{name: "two flips without an index", do: func(t *testing.T, a, _, _ string) {
			change(t, filepath.Join(a, block), inMessage(ids[0]))
			change(t, filepath.Join(a, block), inMessage(ids[11]))
			remove(t, filepath.Join(a, index))
		}, missing: "1,12"},
		{
			name: "half of it", do: func(t *testing.T, a, _, _ string) { change(t, filepath.Join(a, block), half) },
			missing: "7-12",
		},
		{name: "half of it without an index", do: func(t *testing.T, a, _, _ string) {
			change(t, filepath.Join(a, block), half)
			remove(t, filepath.Join(a, index))
		}, missing: "7-12"},
		{
			name: "zeros", do: func(t *testing.T, a, _, _ string) { change(t, filepath.Join(a, block), zeros) },
			missing: "7",
		},
		{
			name: "no block", do: func(t *testing.T, a, _, _ string) { remove(t, filepath.Join(a, block)) },
			missing: "1-12",
		},
		{name: "an empty block", do: func(t *testing.T, a, _, _ string) {
			change(t, filepath.Join(a, block), func([]byte) []byte { return nil })
		}, missing: "1-12"},
		{name: "no description", do: func(t *testing.T, a, _, _ string) { remove(t, filepath.Join(a, "meta.inf")) }},
		{name: "a flip in the description", do: func(t *testing.T, a, _, _ string) {
			change(t, filepath.Join(a, "meta.inf"), func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
		}},
		{name: "no streams", do: func(t *testing.T, a, _, _ string) { remove(t, filepath.Dir(a)) }, missing: "1-12"},
		{name: "no positions", do: func(t *testing.T, _, p, _ string) { remove(t, p) }},
		{name: "zeros in the positions", do: func(t *testing.T, _, p, _ string) {
			change(t, filepath.Join(p, block), func(b []byte) []byte { clear(b[:200]); return b })
			remove(t, filepath.Join(p, index))
		}},
		{name: "no ledger", do: func(t *testing.T, _, _, dir string) { remove(t, store.LedgerFile(dir)) }},
		{name: "a flip in the ledger", do: func(t *testing.T, _, _, dir string) {
			change(t, store.LedgerFile(dir), func(b []byte) []byte { b[len(b)-9] ^= 1; return b })
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "store")
			if err := os.CopyFS(dir, os.DirFS(base)); err != nil {
				t.Fatal(err)
			}
			remove(t, filepath.Join(dir, "vigil.sock"))
			test.do(t, files(dir, broker.Stream), files(dir, "KV_"+broker.PositionsBucket), dir)
			o, recorder, log := opened(t, dir)
			logged := log.String()
			lost := strings.Contains(logged, "alerts are missing from the store")
			switch {
			case test.missing != "" && !strings.Contains(logged, "numbers="+test.missing+" "):
				t.Errorf("missing are %s, the log has: %s", test.missing, logged)
			case test.missing == "" && lost:
				t.Errorf("nothing is missing, the log has: %s", logged)
			case test.quiet != (logged == ""):
				t.Errorf("quiet: %v, the log has: %s", test.quiet, logged)
			}
			want := slices.Clone(ids)
			for i := range ids {
				if n := uint64(i + 1); numbers(test.missing).Has(n) {
					want[i] = ""
				}
			}
			want = slices.DeleteFunc(want, func(id string) bool { return id == "" })
			if got := stored(t, o); !slices.Equal(got, want) {
				t.Errorf("stored are %v, want %v", got, want)
			}
			// New messages have unused numbers, and are delivered once.
			fresh := wholeEvent(t, o, "yard")
			if err := o.Drain(alerttest.Within(t)); err != nil {
				t.Fatal(err)
			}
			recorder.mu.Lock()
			var got []string
			for _, m := range recorder.got {
				if m.Seq <= uint64(len(ids)) {
					t.Errorf("%s has number %d, which another one had", m.ID, m.Seq)
				}
				got = append(got, m.ID)
			}
			recorder.mu.Unlock()
			if !slices.Equal(got, fresh) {
				t.Errorf("delivered are %v, want %v", got, fresh)
			}
			if err := o.Close(); err != nil {
				t.Fatal(err)
			}
			o, _, log = opened(t, dir)
			if logged := log.String(); logged != "" {
				t.Errorf("the second start logged: %s", logged)
			}
			if got := stored(t, o); !slices.Equal(got, slices.Concat(want, fresh)) {
				t.Errorf("later stored are %v, want %v", got, slices.Concat(want, fresh))
			}
		})
	}
}

func numbers(text string) (r store.Ranges) {
	var n, first uint64
	run := false
	for _, c := range text + "," {
		switch {
		case c == '-':
			first, n, run = n, 0, true
		case c == ',' && n > 0:
			if !run {
				first = n
			}
			r.Add(first, n)
			n, run = 0, false
		case c >= '0' && c <= '9':
			n = 10*n + uint64(c-'0')
		}
	}
	return r
}

// An event that was open when the process died, and whose last messages the store has lost, is ended with a number that
// none of its messages had.
func TestEndOfEventWithLostMessages(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	o, _, _ := opened(t, dir)
	id := alerts.NewID()
	for seq, phase := range []alerts.Phase{alerts.PhaseStart, alerts.PhaseUpdate, alerts.PhaseUpdate} {
		if err := o.Publish(alerttest.Within(t), alerttest.Event("yard", id, seq, phase)); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	change(t, filepath.Join(files(dir, broker.Stream), "msgs/1.blk"), inMessage(id+":2"))
	o, _, log := opened(t, dir)
	want := []string{id + ":0", id + ":1", id + ":3"}
	if got := stored(t, o); !slices.Equal(got, want) {
		t.Errorf("stored are %v, want %v: %s", got, want, log)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
}

// An event whose end was lost and reported is ended again if the ledger is lost later, with a number that none of its
// messages had.
func TestLostEndAndLostLedger(t *testing.T) {
	for _, last := range []bool{true, false} {
		dir := filepath.Join(t.TempDir(), "store")
		o, _, _ := opened(t, dir)
		want := wholeEvent(t, o, "yard")
		end, messages := want[len(want)-1], len(want)
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
		change(t, filepath.Join(files(dir, broker.Stream), "msgs/1.blk"), inMessage(end))
		o, _, _ = opened(t, dir)
		want = want[:len(want)-1]
		if !last {
			want = append(want, wholeEvent(t, o, "gate")...)
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
		remove(t, store.LedgerFile(dir))
		o, _, log := opened(t, dir)
		id, _, _ := strings.Cut(end, ":")
		want = append(want, id+":"+strconv.Itoa(messages))
		if got := stored(t, o); !slices.Equal(got, want) {
			t.Errorf("stored are %v, want %v: %s", got, want, log)
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Without a ledger a truncated stream reuses numbers. A cursor above its last number is lowered, and new messages are
// delivered.
func TestCursorAboveLastNumber(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	o, _, _ := opened(t, dir)
	wholeEvent(t, o, "yard")
	wholeEvent(t, o, "yard")
	if err := o.Drain(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	change(t, filepath.Join(files(dir, broker.Stream), "msgs/1.blk"), func(b []byte) []byte { return b[:len(b)/2] })
	remove(t, filepath.Join(files(dir, broker.Stream), "msgs/index.db"))
	remove(t, store.LedgerFile(dir))
	o, recorder, log := opened(t, dir)
	if !strings.Contains(log.String(), "set back to the last delivered one") {
		t.Errorf("the cursor was not set back: %s", log)
	}
	fresh := wholeEvent(t, o, "yard")
	if err := o.Drain(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	recorder.mu.Lock()
	defer recorder.mu.Unlock()
	var got []string
	for _, m := range recorder.got {
		got = append(got, m.ID)
	}
	if len(got) < 3 || !slices.Equal(got[len(got)-3:], fresh) {
		t.Errorf("delivered are %v, want %v at the end", got, fresh)
	}
}

// If the directory is deleted while vigil runs, later messages are stored in the current directory.
func TestDirectoryDeletedWhileRunning(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	o, recorder, log := opened(t, dir)
	first := wholeEvent(t, o, "yard")
	if err := o.Drain(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	fresh := wholeEvent(t, o, "yard")
	if err := o.Drain(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	if err := o.Close(); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	logged := log.String()
	for _, want := range []string{
		"ALARM", "was deleted or replaced", "alerts are missing from the store",
		"numbers=1-3 ",
	} {
		if !strings.Contains(logged, want) {
			t.Errorf("%q was not logged: %s", want, logged)
		}
	}
	recorder.mu.Lock()
	var got []string
	for _, m := range recorder.got {
		got = append(got, m.ID)
	}
	recorder.mu.Unlock()
	if !slices.Equal(got, slices.Concat(first, fresh)) {
		t.Errorf("delivered are %v, want %v", got, slices.Concat(first, fresh))
	}
	o, _, _ = opened(t, dir)
	if got := stored(t, o); !slices.Equal(got, fresh) {
		t.Errorf("the new store has %v, want %v", got, fresh)
	}
}

// Missing alerts are restored by number and id from a copy of the store.
func TestMissingAlertsAreRestored(t *testing.T) {
	top := t.TempDir()
	dir, backup := filepath.Join(top, "store"), filepath.Join(top, "backup")
	o, _, _ := opened(t, dir)
	ids := append(wholeEvent(t, o, "yard"), wholeEvent(t, o, "gate")...)
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(backup, os.DirFS(files(dir, "."))); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{ids[1], ids[5]} {
		change(t, filepath.Join(files(dir, broker.Stream), "msgs/1.blk"), inMessage(id))
	}
	o, _, log := opened(t, dir)
	if !strings.Contains(log.String(), "numbers=2,6 ") {
		t.Fatalf("the loss was not logged: %s", log)
	}
	later := wholeEvent(t, o, "yard")
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	known, _, err := store.ReadState(dir)
	if err != nil {
		t.Fatal(err)
	}
	back, err := store.Rescue(dir, known, []string{backup}, time.Now())
	if err != nil || back.String() != "2,6" {
		t.Fatalf("restored are %v, %v", back, err)
	}
	o, _, log = opened(t, dir)
	if got, want := stored(t, o), slices.Concat(ids, later); !slices.Equal(got, want) || log.String() != "" {
		t.Errorf("stored are %v, want %v: %s", got, want, log)
	}
	if again, err := store.Rescuable(dir, known); err != nil || len(again) > 0 {
		t.Errorf("%v is still missing, %v", again, err)
	}
}
