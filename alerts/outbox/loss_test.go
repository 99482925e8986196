package outbox

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/sink"
	"vigil/alerts/store"
	"vigil/internal/alerttest"
	"vigil/internal/leaktest"
)

// storageStatuses are the storage messages that an outbox has published.
type storageStatuses struct {
	mu  sync.Mutex
	all []alerts.Storage
}

func (s *storageStatuses) add(one alerts.Storage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, one)
}

func (s *storageStatuses) missing() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.all {
		if one.Missing > 0 {
			return one.MissingNumbers
		}
	}
	return ""
}

// A start that finds a loss, and ends at any step before it has published it, does not hide it from the next one.
func TestLossIsReportedAfterCancelledStart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	o, _, _ := opened(t, dir)
	ids := wholeEvent(t, o, "yard")
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	change(t, filepath.Join(files(dir, broker.Stream), "msgs", "1.blk"), inMessage(ids[1]))
	log := &alerttest.Log{}
	for n := 1; ; n += 1 + n/10 {
		statuses := &storageStatuses{}
		ctx := leaktest.After(alerttest.Within(t), n)
		o, err := Open(ctx, Options{
			Server: broker.Options{Dir: dir, NoListen: true}, Sinks: []sink.Sink{&recordingSink{name: "shelf"}},
			Reserve: 1 << 16,
			Log:     slog.New(slog.NewTextHandler(log, nil)), OnStorage: statuses.add,
		})
		if err != nil {
			continue
		}
		err = o.Close()
		if err != nil {
			t.Error(err)
		}
		if logged := statuses.missing(); logged != "2" {
			t.Errorf("the start at step %d publishes that %q is missing, want 2", n, logged)
		}
		if n < 10 {
			t.Errorf("only %d steps", n)
		}
		break
	}
	if !strings.Contains(log.String(), "alerts are missing from the store") ||
		!strings.Contains(log.String(), "numbers=2 ") {
		t.Errorf("it is not in the log:\n%s", log)
	}
}

// The ledger records reclaimed messages before the stream deletes them: else a process killed in between finds them
// missing.
func TestLedgerRecordsReclaimedFirst(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	log := &alerttest.Log{}
	o, err := Open(alerttest.Within(t), Options{
		Server: broker.Options{Dir: dir, NoListen: true}, Reserve: 1 << 16,
		Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 4 {
		wholeEvent(t, o, "yard")
	}
	if err := o.trim(alerttest.Within(t), true); err != nil {
		t.Fatal(err)
	}
	// The files that a process killed now leaves behind.
	copied := filepath.Join(t.TempDir(), "store")
	err = os.CopyFS(filepath.Join(copied, "jetstream"), os.DirFS(filepath.Join(dir, "jetstream")))
	for _, name := range []string{"ledger", "origin.json"} {
		data, reading := os.ReadFile(filepath.Join(dir, name))
		err = errors.Join(err, reading, os.WriteFile(filepath.Join(copied, name), data, 0o600))
	}
	if err := errors.Join(err, o.Close()); err != nil {
		t.Fatal(err)
	}
	known, _, err := store.ReadState(copied)
	if err != nil || known.First < 2 || known.Expected.Has(known.First-1) {
		t.Errorf("the ledger has %+v: %v", known, err)
	}
	o, err = Open(alerttest.Within(t), Options{
		Server: broker.Options{Dir: copied, NoListen: true}, Reserve: 1 << 16,
		Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Close(); err != nil || strings.Contains(log.String(), "missing") {
		t.Errorf("reclaimed messages are reported as missing: %v\n%s", err, log)
	}
}

// A directory that was moved away and comes back has its alerts again, and they count as missing when they disappear
// again.
func TestDirectoryComesBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	o, _, log := opened(t, dir)
	wholeEvent(t, o, "yard")
	expectLog := func(text string, times int) {
		t.Helper()
		ctx := alerttest.Within(t)
		for strings.Count(log.String(), text) < times {
			select {
			case <-ctx.Done():
				t.Fatalf("%q is not logged %d times:\n%s", text, times, log)
			case <-time.After(time.Millisecond):
			}
		}
	}
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	expectLog("missing=3 numbers=1-3 ", 1)
	other := wholeEvent(t, o, "gate") // numbers 4 to 6, of another directory
	if err := errors.Join(os.Rename(dir, dir+".other"), os.Rename(dir+".away", dir)); err != nil {
		t.Fatal(err)
	}
	expectLog("missing=3 numbers=4-6 ", 1)
	expectLog("are there again\" back=3 numbers=1-3", 1)
	last := wholeEvent(t, o, "gate")
	if ids := stored(t, o); len(ids) != 6 || ids[3] != last[0] || ids[3] == other[0] {
		t.Errorf("stored are %v", ids)
	}
	if s := o.ledger.State(); s.Expected.String() != "1-3,7-9" || s.Holes.String() != "4-6" {
		t.Errorf("the ledger has %v, and misses %v", s.Expected, s.Holes)
	}
	if err := os.Rename(dir, dir+".again"); err != nil {
		t.Fatal(err)
	}
	expectLog("missing=6 numbers=1-3,7-9 ", 1)
}
