package outbox

import (
	"sync"
	"time"

	"vigil/alerts"
)

// reportInterval is how often a failure that lasts is said again.
const reportInterval = time.Minute

// storageStatus is that alerts cannot be stored, for whatever reason.
type storageStatus struct {
	mu            sync.Mutex
	since         time.Time // zero where all is well
	lastReported  time.Time
	waiting       int            // alerts that could not be stored at their first try
	lastPublished alerts.Storage // what was said last
	repeat        bool           // it is to be said once more
}

// reportFailure says that alerts cannot be stored: to whoever listens and in the log, where it is said again each minute while
// it lasts.
func (o *Outbox) reportFailure(err error) {
	t := &o.storageStatus
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if t.since.IsZero() {
		t.since = now
	} else if now.Sub(t.lastReported) < reportInterval {
		return
	}
	t.lastReported = now
	free := freeBytes(o.opts.Server.Dir)
	o.log.Error("ALARM: alerts cannot be stored, trying again", "dir", o.opts.Server.Dir, "free_bytes", free,
		"error", err)
	t.lastPublished = alerts.Storage{State: alerts.StorageFailing, Wall: t.since, Detail: err.Error(), FreeBytes: free}
	o.publishStatus(t.lastPublished)
}

// reportRecovered says that alerts can be stored again, once none waits.
func (o *Outbox) reportRecovered() {
	t := &o.storageStatus
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.since.IsZero() || t.waiting > 0 {
		return
	}
	now := time.Now()
	lasted := now.Sub(t.since)
	t.since, t.repeat = time.Time{}, true
	o.log.Info("alerts can be stored again", "after", lasted.Round(time.Millisecond))
	t.lastPublished = alerts.Storage{
		State: alerts.StorageOK, Wall: now, FreeBytes: freeBytes(o.opts.Server.Dir),
		FailedSeconds: lasted.Seconds(),
	}
	o.publishStatus(t.lastPublished)
}

// repeatStatus says again how things are, for as long as they are bad and once after that: whoever listens loses the
// connection when the server is restarted. Where no alert has come to show that it is over, and none waits, room on
// the disk shows it.
func (o *Outbox) repeatStatus(room bool) {
	t := &o.storageStatus
	t.mu.Lock()
	failing := !t.since.IsZero()
	again, quiet, last := t.repeat || failing, failing && t.waiting == 0, t.lastPublished
	t.repeat = false
	t.mu.Unlock()
	if _, sick := o.storeFailure.get(); quiet && room && sick == nil {
		o.reportRecovered()
	} else if again {
		o.publishStatus(last)
	} else {
		o.repeatLoss()
	}
}

// addWaiting counts alerts that wait to be stored.
func (o *Outbox) addWaiting(n int) {
	o.storageStatus.mu.Lock()
	defer o.storageStatus.mu.Unlock()
	o.storageStatus.waiting += n
}

// publishCounts publishes how things are, where something was counted that a person should look at.
func (o *Outbox) publishCounts() {
	t := &o.storageStatus
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.since.IsZero() {
		t.lastPublished = alerts.Storage{State: alerts.StorageOK, Wall: time.Now(), FreeBytes: freeBytes(o.opts.Server.Dir)}
		t.repeat = true
	}
	o.publishStatus(t.lastPublished)
}

// current is how things are. t.mu is held.
func (t *storageStatus) current(dir string) alerts.Storage {
	if !t.since.IsZero() {
		return t.lastPublished
	}
	return alerts.Storage{State: alerts.StorageOK, Wall: time.Now(), FreeBytes: freeBytes(dir)}
}

// publishStatus publishes to whoever listens to the embedded server now, and to those whom the options name.
func (o *Outbox) publishStatus(s alerts.Storage) {
	s.SetAside, s.PassedOver = o.setAsideCount.Load(), o.foreign.n.Load()
	o.loss.mu.Lock()
	if s.Missing, s.MissingNumbers, s.KeptAside = o.loss.missing.Count(), o.loss.missing.String(),
		o.loss.keptAside; s.Missing > 0 && s.Detail == "" {
		s.Detail = "alerts are missing from the store"
	}
	o.loss.mu.Unlock()
	if err := o.conn.PublishStorage(s); err != nil {
		o.log.Debug("state of the storage not sent", "error", err)
	}
	if o.opts.OnStorage != nil {
		o.opts.OnStorage(s)
	}
}
