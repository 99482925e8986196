package outbox

import (
	"context"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts/broker"
	"vigil/alerts/store"
	"vigil/internal/errcode"
)

// loss is the damage found since the outbox was opened.
type loss struct {
	mu           sync.Mutex
	unreported   []store.Damage // found and logged, not yet published
	missing      store.Ranges
	keptAside    string
	repeats      int          // how many more times it is published
	known        *store.State // state of the ledger at the last check of the files; nil if it had none
	ledgerDamage string       // damage of the ledger
}

// lossRepeats is how many more times a loss is published, at the interval of status repeats: subscribers connect after
// it was found.
const lossRepeats = 3

// hasUnreported reports whether damage was found that is not published yet.
func (f *loss) hasUnreported() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.unreported) > 0
}

// missingAfter returns the number of missing alerts with higher numbers.
func (f *loss) missingAfter(number uint64) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.missing.Within(number+1, math.MaxUint64).Count()
	for _, d := range f.unreported {
		if d.Stream == store.AlertStream {
			n += d.Missing.Within(number+1, math.MaxUint64).Count()
		}
	}
	return int(n) //nolint:gosec // A count of messages.
}

// prepare checks the files before each start of the server, while they are not open.
func (o *Outbox) prepare(dir string) error {
	f := &o.loss
	f.mu.Lock()
	defer f.mu.Unlock()
	var known *store.State
	if o.ledger == nil {
		var err error
		if known, f.ledgerDamage, err = store.ReadState(dir); err != nil {
			return err
		}
	} else {
		known = o.ledger.State()
	}
	f.known = known
	if err := o.prepareFiles(dir, known); err != nil {
		return err
	}
	if o.ledger == nil {
		o.ledger = store.NewLedger(dir, known, o.opts.Server.SyncLazily)
	} else {
		o.ledger.Verify()
	}
	return nil
}

// prepareFiles quarantines damaged files and logs them at once, in case the process dies before the loss is published.
// The ledger keeps missing numbers until they were published too, so that the next start finds them again. o.loss.mu is
// held.
func (o *Outbox) prepareFiles(dir string, known *store.State) error {
	f := &o.loss
	for again := false; ; again = true {
		must := known
		if known != nil {
			left := *known
			left.Expected = known.Expected.Without(missingAlerts(f.unreported)) // the others were found before
			must = &left
		}
		found, err := store.Prepare(dir, must, time.Now())
		// after an error, too: what was quarantined by then is not found again
		f.unreported = append(f.unreported, found...)
		for _, d := range found {
			o.logDamage(d)
		}
		if err == nil || again {
			return err
		}
		// Release the reserve for this, too: the quarantined files are at most as large as the damaged blocks.
		o.reserve.release()
	}
}

// missingAlerts returns the numbers of missing alerts in found.
func missingAlerts(found []store.Damage) (missing store.Ranges) {
	for _, d := range found {
		if d.Stream == store.AlertStream {
			for _, r := range d.Missing {
				missing.Add(r.First, r.Last)
			}
		}
	}
	return missing
}

// closeLedger writes pending updates of the ledger. If that fails, as on a full disk, the stream is ahead of it, which
// is not a loss.
func (o *Outbox) closeLedger() {
	if o.ledger == nil {
		return
	}
	if err := o.ledger.Close(); err != nil {
		o.log.Warn("the ledger of stored alerts cannot be written", "error", err, errcode.Key, errcode.StoreLedger)
	}
}

// reportLoss publishes the damage that is logged and not yet published, once alerts can be published. From then on the
// ledger has it as reported.
func (o *Outbox) reportLoss() {
	f := &o.loss
	f.mu.Lock()
	fresh := f.unreported
	f.unreported = nil
	for _, d := range fresh {
		if d.Stream != store.AlertStream {
			continue
		}
		if len(d.Missing) > 0 {
			f.repeats = lossRepeats
		}
		for _, r := range d.Missing {
			f.missing.Add(r.First, r.Last)
		}
		if d.KeptAside != "" {
			f.keptAside = d.KeptAside
		}
	}
	due := f.repeats == lossRepeats
	f.mu.Unlock()
	if due {
		o.repeatLoss()
	}
	o.ledger.Lost(missingAlerts(fresh))
}

func (o *Outbox) logDamage(d store.Damage) {
	var attrs []any
	if d.Stream != store.AlertStream {
		attrs = append(attrs, "stream", d.Stream)
	}
	if len(d.Missing) > 0 {
		attrs = append(attrs, "missing", d.Missing.Count(), "numbers", d.Missing.String())
	}
	attrs = append(attrs, "places", strings.Join(d.Places, "; "), "kept_aside", d.KeptAside)
	code := errcode.StoreAlertsMissing
	if len(d.Missing) == 0 {
		code = errcode.StoreDamaged
	}
	attrs = append(attrs, errcode.Key, code)
	switch {
	case len(d.Missing) == 0:
		o.log.Warn("the store was damaged and is repaired", attrs...)
	case d.Stream == store.AlertStream:
		o.log.Error("alerts are missing from the store", attrs...)
	default:
		o.log.Error("messages are missing from the store", attrs...)
	}
}

// reportReturned takes over the alerts of a directory that came back after it was replaced: they are expected from now
// on, and no longer missing.
func (o *Outbox) reportReturned(ctx context.Context) {
	var there store.Ranges
	if _, err := o.conn.Scan(ctx, broker.ScanOptions{Heads: true}, func(r broker.Record) error {
		there.Add(r.Seq, r.Seq)
		return nil
	}); err != nil {
		o.log.Debug("the contents of the store after a restart are unknown", "error", err)
		return
	}
	known := o.ledger.State()
	// exclude what was reclaimed meanwhile
	o.ledger.Found(there.Without(known.Expected).Within(known.First, math.MaxUint64))
	back := there.Without(there.Without(known.Holes))
	if len(back) == 0 {
		return
	}
	o.loss.mu.Lock()
	o.loss.missing = o.loss.missing.Without(back)
	o.loss.mu.Unlock()
	o.log.Warn("alerts that were missing from the store are there again", "back", back.Count(), "numbers",
		back.String(), errcode.Key, errcode.StoreMoved)
}

// repeatLoss publishes the loss again; false if it has been repeated often enough.
func (o *Outbox) repeatLoss() bool {
	o.loss.mu.Lock()
	due := o.loss.repeats > 0
	if due {
		o.loss.repeats--
	}
	o.loss.mu.Unlock()
	if due {
		o.storageStatus.mu.Lock()
		defer o.storageStatus.mu.Unlock()
		o.publishStatus(o.storageStatus.current(o.opts.Server.Dir))
	}
	return due
}

// compareWithLedger compares the stream with the ledger while the server runs.
func (o *Outbox) compareWithLedger(ctx context.Context) {
	known := o.ledger.State()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	s, err := o.conn.JetStream().Stream(ctx, broker.Stream)
	if err != nil || known.Last == 0 {
		return // the next store reports the error
	}
	info := s.CachedInfo()
	if info.State.Msgs >= known.Expected.Count() && info.State.LastSeq >= known.Last {
		return
	}
	if info, err = s.Info(ctx, jetstream.WithDeletedDetails(true)); err != nil {
		return
	}
	var gone store.Ranges
	if first := info.State.FirstSeq; first > 1 {
		gone.Add(1, first-1)
	}
	for _, n := range info.State.Deleted {
		gone.Add(n, n)
	}
	if info.State.LastSeq < known.Last {
		gone.Add(info.State.LastSeq+1, known.Last)
	}
	// Messages reclaimed meanwhile are not a loss.
	missing := known.Expected.Without(known.Expected.Without(gone)).Within(o.ledger.State().First, known.Last)
	if len(missing) == 0 {
		return
	}
	d := store.Damage{Stream: store.AlertStream, Missing: missing}
	o.logDamage(d)
	o.loss.mu.Lock()
	o.loss.unreported = append(o.loss.unreported, d)
	o.loss.mu.Unlock()
	o.reportLoss()
	if info.State.LastSeq < known.Last {
		// Only a restart makes numbers continue where they were.
		o.storeFailure.set(errShortened)
	}
}

// errShortened means that the stream has lost its last number.
var errShortened = errcode.StoreAlertsMissing.New("the stream of alerts has become shorter")

// recordStreams saves the configurations of the streams and their last numbers, to restore them after a loss.
func (o *Outbox) recordStreams() {
	if o.server.Moved() != nil {
		return
	}
	all, err := store.Describe(o.opts.Server.Dir)
	if err != nil {
		o.log.Debug("configurations of the streams not saved", "error", err)
		return
	}
	if _, ours := all[store.AlertStream]; !ours {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	for name, s := range all {
		stream, err := o.conn.JetStream().Stream(ctx, name)
		if err != nil {
			continue
		}
		s.Last = stream.CachedInfo().State.LastSeq
		all[name] = s
	}
	o.ledger.Streams(all)
}
