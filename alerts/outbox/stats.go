package outbox

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"vigil/alerts/sink"
)

// Stats are counts since Open and the present state of an outbox.
type Stats struct {
	Stored   uint64 // messages
	Messages uint64 // in the stream at the last check
	Bytes    uint64 // of these
	// FailingSince is when alerts could first not be stored; zero if they can. Waiting is how many wait for that.
	FailingSince time.Time
	FailingCode  string // of the failure, in the catalogue of errors
	Waiting      int
	FreeBytes    int64  // of the disk
	Restarts     uint64 // of the embedded server after a failed write

	Missing    uint64 // messages that are missing from the store
	Unreadable uint64 // messages that the server has and cannot read
	NotOurs    uint64 // messages that this vigil did not store, which are not delivered; once for each sink

	SetAside      uint64 // messages that are set aside now
	SetAsideTotal uint64
	AsideDeleted  uint64 // set-aside messages that were deleted because there were too many

	Sinks []SinkStats
}

// SinkStats are those of one sink.
type SinkStats struct {
	Name      string
	Waiting   int       // messages that it has not acknowledged
	Oldest    time.Time // when the oldest of them was stored; zero for none
	Delivered uint64    // messages acknowledged
	Failures  uint64    // attempts that failed
	Failing   bool      // the latest attempt of at least one camera failed
}

// counters are the counts that have no other place.
type counters struct {
	stored, restarts, unreadable, setAside, asideDeleted, bytes atomic.Uint64
	sinks                                                       map[string]*sinkCounters // fixed after Open
	last                                                        lastSeen
}

// lastSeen are values of Stats whose lock may be held while the embedded server restarts.
type lastSeen struct {
	mu           sync.Mutex
	failingSince time.Time
	failingCode  string
	waiting      int
	missing      uint64
}

type sinkCounters struct{ delivered, failures atomic.Uint64 }

func newSinkCounters(sinks []sink.Sink) map[string]*sinkCounters {
	all := map[string]*sinkCounters{}
	for _, s := range sinks {
		all[s.Name()] = new(sinkCounters)
	}
	return all
}

// storedMessage is a message that at least one sink may not have acknowledged.
type storedMessage struct {
	seq uint64
	at  time.Time
}

// undelivered are a camera's messages that at least one sink may not have acknowledged, by number.
type undelivered []storedMessage

// after returns the messages above a cursor.
func (u undelivered) after(cursor uint64) undelivered {
	i, _ := slices.BinarySearchFunc(u, cursor+1, func(m storedMessage, seq uint64) int {
		switch {
		case m.seq < seq:
			return -1
		case m.seq > seq:
			return 1
		}
		return 0
	})
	return u[i:]
}

// addUndelivered records a stored message, and forgets those that every sink has. o.mu is held.
func (o *Outbox) addUndelivered(camera string, seq uint64, at time.Time) {
	if len(o.opts.Sinks) == 0 {
		return
	}
	u := o.undelivered[camera]
	least, any := seq, false
	for _, f := range o.forwarders {
		if f.camera == camera {
			least, any = min(least, f.cursor.Load()), true
		}
	}
	if any {
		u = u.after(least)
	}
	if len(u) == 0 || u[len(u)-1].seq < seq {
		u = append(u, storedMessage{seq, at})
	}
	o.undelivered[camera] = u
}

// Stats returns the counts and the state. It does not wait for a restart of the server.
func (o *Outbox) Stats() Stats {
	c := &o.counters
	s := Stats{
		Stored: c.stored.Load(), Messages: o.messageCount.Load(), Bytes: c.bytes.Load(), Restarts: c.restarts.Load(),
		FreeBytes:  freeBytes(o.opts.Server.Dir),
		Unreadable: c.unreadable.Load(), NotOurs: o.foreign.n.Load(), SetAside: o.setAsideCount.Load(),
		SetAsideTotal: c.setAside.Load(), AsideDeleted: c.asideDeleted.Load(),
	}
	c.last.mu.Lock()
	if o.storageStatus.mu.TryLock() {
		t := &o.storageStatus
		c.last.failingSince, c.last.failingCode, c.last.waiting = t.since, t.lastPublished.Code, t.waiting
		o.storageStatus.mu.Unlock()
	}
	if o.loss.mu.TryLock() {
		c.last.missing = o.loss.missing.Count()
		o.loss.mu.Unlock()
	}
	s.FailingSince, s.Waiting, s.Missing = c.last.failingSince, c.last.waiting, c.last.missing
	if !s.FailingSince.IsZero() {
		s.FailingCode = c.last.failingCode
	}
	c.last.mu.Unlock()
	s.Sinks = make([]SinkStats, len(o.opts.Sinks))
	for i, k := range o.opts.Sinks {
		n := c.sinks[k.Name()]
		s.Sinks[i] = SinkStats{Name: k.Name(), Delivered: n.delivered.Load(), Failures: n.failures.Load()}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, f := range o.forwarders {
		i := slices.IndexFunc(s.Sinks, func(k SinkStats) bool { return k.Name == f.sink.Name() })
		k, left := &s.Sinks[i], o.undelivered[f.camera].after(f.cursor.Load())
		k.Waiting += len(left)
		k.Failing = k.Failing || f.failing.Load()
		if len(left) > 0 && (k.Oldest.IsZero() || left[0].at.Before(k.Oldest)) {
			k.Oldest = left[0].at
		}
	}
	return s
}
