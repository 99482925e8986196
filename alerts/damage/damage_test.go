package damage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vigil/alerts"
	"vigil/alerts/evidence"
	"vigil/alerts/outbox"
)

// Whatever the damage: the store opens, every acknowledged message exists or is reported missing by number, no existing
// one is; no id has other content, no ended event gets another end, and alerts continue.
func TestDamage(t *testing.T) {
	b := newBase(t)
	if n := len(b.stored); n < 60 || len(b.open) != 2 || len(b.delivered) == 0 || len(b.delivered) >= n {
		t.Fatalf("the base has %d messages, %d open events, and %d were delivered", n, len(b.open), len(b.delivered))
	}
	all := kinds()
	slices.SortFunc(all, func(a, b kind) int { return strings.Compare(a.name, b.name) })
	for _, name := range quickKinds {
		if !slices.ContainsFunc(all, func(k kind) bool { return k.name == name }) {
			t.Errorf("there is no kind of damage %q", name)
		}
	}
	for _, k := range all {
		if !long() && !slices.Contains(quickKinds, k.name) {
			continue
		}
		t.Run(k.name, func(t *testing.T) {
			s := &damager{b: b, dir: filepath.Join(t.TempDir(), "store")}
			clone(t, b.dir, s.dir)
			if k.do(s); s.err != nil {
				t.Fatalf("the damage could not be done: %v", s.err)
			}
			b.examine(t, s.dir, k)
		})
	}
}

// long reports whether all cases are tested.
func long() bool { return os.Getenv("VIGIL_LONG") != "" }

// examine opens a damaged store, reports its errors, and returns its messages and those delivered.
func (b *base) examine(t *testing.T, dir string, k kind) (now, got []message) {
	t.Helper()
	r, log := &receiver{}, &journal{}
	ctx, cancel := context.WithTimeout(t.Context(), hangLimit)
	defer cancel()
	o, err := outbox.Open(ctx, options(dir, r, log))
	if err != nil {
		if k.refuse == "" || !strings.Contains(err.Error(), k.refuse) {
			t.Fatalf("it does not open: %v\n%v", err, log)
		}
		return nil, nil
	}
	closed := false
	defer func() {
		if !closed {
			_ = o.Close() // the test has failed
		}
		if t.Failed() {
			t.Logf("the log:\n%v", log)
		}
	}()
	b.checkEvidence(ctx, t, k, o, log)
	for _, camera := range []string{"yard", blockedCamera, "new"} {
		if _, err := publish(ctx, o, camera, 2, true); err != nil {
			t.Fatalf("an alert after the damage is not stored: %v", err)
		}
	}
	if err := o.Drain(ctx); err != nil {
		t.Errorf("what is stored is not delivered: %v", err)
	}
	now = read(t, o.Conn().JetStream())
	closed = true
	if err := o.Close(); err != nil {
		t.Errorf("it does not close: %v", err)
	}
	b.checkLoss(t, k, now, log)
	b.checkContent(t, now, r.all())
	b.checkEnds(t, k, now)
	b.checkDelivery(t, now, r.all())
	return now, r.all()
}

// checkLoss compares lost messages with the reported ones.
func (b *base) checkLoss(t *testing.T, k kind, now []message, log *journal) {
	t.Helper()
	there := map[string]bool{}
	for _, m := range now {
		there[m.id] = true
	}
	reported, err := log.missing()
	if err != nil {
		t.Error(err)
	}
	var unreported, wrongly []uint64
	lost := 0
	for _, m := range b.stored {
		switch {
		case !there[m.id] && !reported[m.seq]:
			unreported = append(unreported, m.seq)
		case there[m.id] && reported[m.seq]:
			wrongly = append(wrongly, m.seq)
		}
		if !there[m.id] {
			lost++
		}
		delete(reported, m.seq)
	}
	if k.blind {
		reported = nil // a ledger of another store may have other numbers
		unreported = nil
	}
	if len(unreported) > 0 || len(wrongly) > 0 || len(reported) > 0 {
		t.Errorf("numbers %v are lost and not reported, %v are reported missing and are there, %v never were",
			unreported, wrongly, reported)
	}
	if k.whole && lost > 0 {
		t.Errorf("%d messages are lost, and need not be", lost)
	}
}

// checkContent looks for ids with different contents, and for duplicate messages.
func (b *base) checkContent(t *testing.T, now, got []message) {
	t.Helper()
	content := map[string]string{}
	for _, m := range slices.Concat(b.stored, b.delivered, now, got) {
		if before, known := content[m.id]; known && before != m.data {
			t.Errorf("%s comes with two contents:\n%s\n%s", m.id, before, m.data)
		}
		content[m.id] = m.data
	}
	if ids := idsOf(now); len(ids) != len(now) {
		t.Errorf("%d messages are stored, with %d ids", len(now), len(ids))
	}
}

// checkEnds checks that open events were ended, and no others.
func (b *base) checkEnds(t *testing.T, k kind, now []message) {
	t.Helper()
	ends, last := map[string]int{}, map[string]alerts.Phase{}
	before := map[string]bool{}
	for _, m := range b.stored {
		before[m.id] = true
	}
	for _, m := range now {
		a, err := alerts.Decode([]byte(m.data))
		if err != nil {
			t.Fatal(err)
		}
		last[a.ID] = a.Phase
		if a.Phase != alerts.PhaseEnd {
			continue
		}
		if ends[a.ID]++; ends[a.ID] > 1 {
			t.Errorf("event %s has %d ends", a.ID, ends[a.ID])
		}
		unknown := k.blind || b.torn[a.ID] && strings.HasPrefix(k.name, "ledger: ")
		if a.EndReason == alerts.EndCrashRecovered && !b.open[a.ID] && !before[m.id] && !unknown {
			t.Errorf("an end was invented for event %s, which had one", a.ID)
		}
	}
	for id := range b.open {
		if last[id] != "" && last[id] != alerts.PhaseEnd {
			t.Errorf("event %s, which was open, has no end", id)
		}
	}
}

// checkDelivery checks that the receiver has everything stored, in each camera's order.
func (b *base) checkDelivery(t *testing.T, now, got []message) {
	t.Helper()
	had := map[string]bool{}
	for _, m := range slices.Concat(b.delivered, got) {
		had[m.id] = true
	}
	var never []uint64
	for _, m := range now {
		if !had[m.id] {
			never = append(never, m.seq)
		}
	}
	if len(never) > 0 {
		t.Errorf("numbers %v are stored and were never delivered", never)
	}
	last := map[string]uint64{}
	for _, m := range got {
		if m.seq <= last[m.camera] {
			t.Errorf("%s of %s came after number %d", m.id, m.camera, last[m.camera])
		}
		last[m.camera] = m.seq
	}
}

// checkEvidence reads the objects: each is unchanged, or unreadable and reported.
func (b *base) checkEvidence(ctx context.Context, t *testing.T, k kind, o *outbox.Outbox, log *journal) {
	t.Helper()
	js := o.Conn().JetStream()
	objects, err := evidence.OpenObjects(ctx, js, evidence.Limits{Bytes: 1 << 20})
	if err != nil {
		t.Errorf("evidence does not open: %v", err)
		return
	}
	reader := evidence.NewReader(js)
	gone := 0
	for name, want := range b.objects {
		switch data, err := reader.Read(ctx, evidence.Bucket, name); {
		case err != nil && ctx.Err() != nil:
			t.Fatalf("evidence %s is never read: %v", name, err)
		case err != nil:
			gone++
		case string(data) != want:
			t.Errorf("evidence %s is %q, want %q", name, data, want)
		}
	}
	if gone > 0 && !k.unread && len(log.find(msgOther, msgRepaired)) == 0 {
		t.Errorf("%d of %d pieces of evidence are lost without a word", gone, len(b.objects))
	}
	if err := objects.Put(ctx, "new/snapshot-1.jpg", "image/jpeg", []byte("new")); err != nil {
		t.Errorf("new evidence: %v", err)
	}
	if data, err := reader.Read(ctx, evidence.Bucket, "new/snapshot-1.jpg"); err != nil || string(data) != "new" {
		t.Errorf("new evidence is %q: %v", data, errors.Join(err, fmt.Errorf("of %d bytes", len(data))))
	}
}
