package outbox

import (
	"sync"
	"time"

	"vigil/alerts"
)

// alarmEvery is how often a failure that lasts is said again.
const alarmEvery = time.Minute

// trouble is that alerts cannot be stored, for whatever reason.
type trouble struct {
	mu      sync.Mutex
	since   time.Time // zero where all is well
	said    time.Time
	waiting int            // alerts that could not be stored at their first try
	last    alerts.Storage // what was said last
	repeat  bool           // it is to be said once more
}

// alarm says that alerts cannot be stored: to whoever listens and in the log, where it is said again each minute while
// it lasts.
func (o *Outbox) alarm(err error) {
	t := &o.trouble
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if t.since.IsZero() {
		t.since = now
	} else if now.Sub(t.said) < alarmEvery {
		return
	}
	t.said = now
	free := freeBytes(o.opts.Server.Dir)
	o.log.Error("ALARM: alerts cannot be stored, trying again", "dir", o.opts.Server.Dir, "free_bytes", free,
		"error", err)
	t.last = alerts.Storage{State: alerts.StorageFailing, Wall: t.since, Detail: err.Error(), FreeBytes: free}
	o.tell(t.last)
}

// calm says that alerts can be stored again, once none waits.
func (o *Outbox) calm() {
	t := &o.trouble
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.since.IsZero() || t.waiting > 0 {
		return
	}
	now := time.Now()
	lasted := now.Sub(t.since)
	t.since, t.repeat = time.Time{}, true
	o.log.Info("alerts can be stored again", "after", lasted.Round(time.Millisecond))
	t.last = alerts.Storage{
		State: alerts.StorageOK, Wall: now, FreeBytes: freeBytes(o.opts.Server.Dir),
		FailedSeconds: lasted.Seconds(),
	}
	o.tell(t.last)
}

// remind says again how things are, for as long as they are bad and once after that: whoever listens loses the
// connection when the server is restarted. Where no alert has come to show that it is over, and none waits, room on
// the disk shows it.
func (o *Outbox) remind(room bool) {
	t := &o.trouble
	t.mu.Lock()
	failing := !t.since.IsZero()
	again, quiet, last := t.repeat || failing, failing && t.waiting == 0, t.last
	t.repeat = false
	t.mu.Unlock()
	if _, sick := o.sick.state(); quiet && room && sick == nil {
		o.calm()
	} else if again {
		o.tell(last)
	} else {
		o.tellLoss()
	}
}

// await counts alerts that wait to be stored.
func (o *Outbox) await(n int) {
	o.trouble.mu.Lock()
	defer o.trouble.mu.Unlock()
	o.trouble.waiting += n
}

// sayCounts publishes how things are, where something was counted that a person should look at.
func (o *Outbox) sayCounts() {
	t := &o.trouble
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.since.IsZero() {
		t.last = alerts.Storage{State: alerts.StorageOK, Wall: time.Now(), FreeBytes: freeBytes(o.opts.Server.Dir)}
		t.repeat = true
	}
	o.tell(t.last)
}

// now is how things are. t.mu is held.
func (t *trouble) now(dir string) alerts.Storage {
	if !t.since.IsZero() {
		return t.last
	}
	return alerts.Storage{State: alerts.StorageOK, Wall: time.Now(), FreeBytes: freeBytes(dir)}
}

// tell publishes to whoever listens to the embedded server now, and to those whom the options name.
func (o *Outbox) tell(s alerts.Storage) {
	s.SetAside, s.PassedOver = o.setAsides.Load(), o.strangers.n.Load()
	o.loss.mu.Lock()
	if s.Missing, s.MissingNumbers, s.KeptAside = o.loss.missing.Count(), o.loss.missing.String(),
		o.loss.kept; s.Missing > 0 && s.Detail == "" {
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
