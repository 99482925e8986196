package outbox

import (
	"cmp"
	"sync"
	"time"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/internal/errcode"
)

// reportInterval is how often a lasting failure is logged again.
const reportInterval = time.Minute

// storageStatus is the state of the storage and the last status published.
type storageStatus struct {
	mu            sync.Mutex
	since         time.Time // of the failure; zero if there is none
	lastReported  time.Time
	waiting       int            // alerts whose first attempt to be stored failed
	lastPublished alerts.Storage // last published status
	repeat        bool           // publish it again
}

// reportFailure publishes and logs that alerts cannot be stored, again each minute while it lasts.
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
	code := storeCode(err)
	o.log.Error("ALARM: alerts cannot be stored, retrying", "dir", o.opts.Server.Dir, "free_bytes", free,
		"error", err, errcode.Key, code)
	t.lastPublished = alerts.Storage{
		State: alerts.StorageFailing, Wall: t.since, Detail: err.Error(), Code: string(code), FreeBytes: free,
	}
	o.publishStatus(t.lastPublished)
}

// storeCode returns the code of an error of storing.
func storeCode(err error) errcode.Code {
	if broker.Full(err) {
		return errcode.StoreFull
	}
	code := errcode.Of(errcode.Store(err))
	if code == errcode.SinkUnreachable { // the connection to the embedded server, which is being restarted
		code = ""
	}
	return cmp.Or(code, errcode.StoreFailing)
}

// reportRecovered publishes and logs that alerts can be stored again, once none is waiting.
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

// repeatStatus publishes the status again during a failure and once after it, because subscribers lose their
// connection when the server is restarted. If no alert waits, free room on the disk ends the failure.
func (o *Outbox) repeatStatus(room bool) {
	t := &o.storageStatus
	t.mu.Lock()
	failing := !t.since.IsZero()
	again, quiet, last := t.repeat || failing, failing && t.waiting == 0, t.lastPublished
	t.repeat = false
	t.mu.Unlock()
	if _, failure := o.storeFailure.get(); quiet && room && failure == nil {
		o.reportRecovered()
	} else if again {
		o.publishStatus(last)
	} else {
		o.repeatLoss()
	}
}

// addWaiting counts alerts waiting to be stored.
func (o *Outbox) addWaiting(n int) {
	o.storageStatus.mu.Lock()
	defer o.storageStatus.mu.Unlock()
	o.storageStatus.waiting += n
}

// publishCounts publishes the status after a change of a counter that requires attention.
func (o *Outbox) publishCounts() {
	t := &o.storageStatus
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.since.IsZero() {
		t.lastPublished = alerts.Storage{
			State: alerts.StorageOK, Wall: time.Now(),
			FreeBytes: freeBytes(o.opts.Server.Dir),
		}
		t.repeat = true
	}
	o.publishStatus(t.lastPublished)
}

// current returns the status. t.mu is held.
func (t *storageStatus) current(dir string) alerts.Storage {
	if !t.since.IsZero() {
		return t.lastPublished
	}
	return alerts.Storage{State: alerts.StorageOK, Wall: time.Now(), FreeBytes: freeBytes(dir)}
}

// publishStatus publishes to the embedded server's subscribers and calls Options.OnStorage.
func (o *Outbox) publishStatus(s alerts.Storage) {
	s.SetAside, s.PassedOver = o.setAsideCount.Load(), o.foreign.n.Load()
	o.loss.mu.Lock()
	if s.Missing, s.MissingNumbers, s.KeptAside = o.loss.missing.Count(), o.loss.missing.String(),
		o.loss.keptAside; s.Missing > 0 && s.Detail == "" {
		s.Detail, s.Code = "alerts are missing from the store", string(errcode.StoreAlertsMissing)
	}
	o.loss.mu.Unlock()
	if err := o.conn.PublishStorage(s); err != nil {
		o.log.Debug("storage status not sent", "error", err)
	}
	if o.opts.OnStorage != nil {
		o.opts.OnStorage(s)
	}
}
