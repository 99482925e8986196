package archive

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"vigil/alerts"
	"vigil/alerts/broker"
)

// maxFetches is how many messages and acknowledgements of a page are requested at a time.
const maxFetches = 8

// maxCached bounds the messages whose contents an Index keeps, each of some 5 kB.
const maxCached = 2000

// errLost means that the index is not one of the stream: messages that are in it were replaced by others.
var errLost = errors.New("the stream has changed before the end of the index")

// Index lists alerts by their start without reading all of them each time: it remembers where the messages of each are
// stored, in about 200 bytes for an alert, and the contents of those that were listed.
//
// Each call first reads the messages that were stored since the one before, and forgets those that the stream has
// deleted for its limits. One that was deleted by hand is skipped. A stream that was created again, or that has lost
// its latest messages, is read from its beginning.
type Index struct {
	archive *Archive

	mu    sync.Mutex
	state broker.State // of the stream at the last call
	last  broker.Record
	byID  map[string]*indexed
	order []*indexed // by place
	// Both caches are replaced by empty ones when something that they may have has changed.
	messages *cache[uint64, Message]
	acks     *cache[string, *alerts.Ack]
	acksAt   bucketState
}

// Place is where an alert is in a list: lists are sorted by the start, and alerts of one start by their id.
type Place struct {
	Start time.Time
	ID    string
}

func (p Place) compare(q Place) int {
	return cmp.Or(p.Start.Compare(q.Start), strings.Compare(p.ID, q.ID))
}

// indexed is an alert in the index.
type indexed struct {
	place    Place // by its latest message
	camera   string
	stored   time.Time // the latest message
	messages []stored  // in the order of the stream
}

// stored is a message of an alert in the stream.
type stored struct {
	seq    int // in the alert
	number uint64
}

// NewIndex returns an index of an archive, which reads nothing before its first call. From then on the archive finds
// the messages of an alert by it; so it is called before the archive is used.
func NewIndex(a *Archive) *Index {
	a.index = &Index{
		archive: a, byID: map[string]*indexed{}, messages: newCache[uint64, Message](),
		acks: newCache[string, *alerts.Ack](),
	}
	return a.index
}

// PageOptions select a part of a list of alerts. The zero value selects all of them.
type PageOptions struct {
	Camera   string                   // only this camera
	Sees     func(camera string) bool // only cameras for which it returns true; nil for all
	From, To time.Time                // only alerts that began in this time, without To itself; zero for no limit
	Since    time.Time                // only alerts with a message stored since then
	Before   Place                    // only alerts that are older than this place; the zero value for all
	Limit    int                      // only the newest so many; 0 for all
}

func (o PageOptions) selects(i *indexed) bool {
	at := i.place.Start
	return (o.Camera == "" || o.Camera == i.camera) && (o.Sees == nil || o.Sees(i.camera)) && !at.Before(o.From) &&
		(o.To.IsZero() || at.Before(o.To)) && !i.stored.Before(o.Since)
}

// Page returns alerts with their acknowledgements sorted by their start, the newest first. It is ErrNoStore if there
// is no stream yet.
func (x *Index) Page(ctx context.Context, o PageOptions) ([]Entry, error) {
	var page []Entry
	for {
		wanted := o.Limit - len(page)
		if o.Limit == 0 {
			wanted = 0
		}
		found, messages, err := x.find(ctx, o, wanted)
		if err != nil {
			return nil, err
		}
		entries, err := x.read(ctx, found, messages)
		if err != nil {
			return nil, err
		}
		page = append(page, entries...)
		if len(page) == o.Limit || len(found) == 0 || wanted == 0 || len(found) < wanted {
			return page, nil
		}
		o.Before = found[len(found)-1].place // some were deleted
	}
}

// numbers returns the numbers of an alert's messages in the stream, without repeats; none if there is no such alert.
func (x *Index) numbers(ctx context.Context, id string) ([]uint64, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.update(ctx); err != nil {
		return nil, err
	}
	var all []uint64
	if i := x.byID[id]; i != nil {
		for _, m := range i.messages {
			all = append(all, m.number)
		}
	}
	return all, nil
}

// find returns copies of the newest so many alerts that are selected, or of all if limit is 0, and the cache for them.
func (x *Index) find(ctx context.Context, o PageOptions, limit int) ([]indexed, *cache[uint64, Message], error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.update(ctx); err != nil {
		return nil, nil, err
	}
	end := len(x.order)
	if o.Before != (Place{}) {
		end, _ = x.search(o.Before)
	}
	var found []indexed
	for _, i := range slices.Backward(x.order[:end]) {
		if i.place.Start.Before(o.From) || limit > 0 && len(found) == limit {
			break
		}
		if o.selects(i) {
			one := *i
			one.messages = slices.Clone(i.messages)
			found = append(found, one)
		}
	}
	return found, x.messages, nil
}

func (x *Index) search(p Place) (int, bool) {
	return slices.BinarySearchFunc(x.order, p, func(i *indexed, p Place) int { return i.place.compare(p) })
}

// update reads what was stored since the last call. x.mu is held.
func (x *Index) update(ctx context.Context) error {
	now, err := x.archive.conn.State(ctx)
	if err != nil {
		return err
	}
	same := now.Created.Equal(x.state.Created)
	if !same || now.Deleted != x.state.Deleted {
		x.messages = newCache[uint64, Message]()
	}
	switch {
	case same && now.LastSeq == x.state.LastSeq && now.LastTime.Equal(x.state.LastTime):
		if now.FirstSeq != x.state.FirstSeq {
			x.trim(now.FirstSeq)
		}
		x.state = now
		return nil
	case same && now.LastSeq > x.state.LastSeq:
		err = x.scan(ctx, now)
	default:
		err = errLost
	}
	if errors.Is(err, errLost) {
		x.last, x.order, x.messages = broker.Record{}, nil, newCache[uint64, Message]()
		clear(x.byID)
		err = x.scan(ctx, now)
	}
	if err != nil {
		// The next call goes on behind what was read.
		x.state = broker.State{Created: now.Created, LastSeq: x.last.Seq, LastTime: x.last.Time}
		return err
	}
	x.state = now
	x.trim(now.FirstSeq)
	return nil
}

// scan adds the messages up to a state. It begins with the last known one, since a server that was restarted may have
// lost that, and given its number to another.
func (x *Index) scan(ctx context.Context, now broker.State) error {
	known := x.last.Seq > 0 && x.last.Seq >= now.FirstSeq
	from := max(x.last.Seq, 1)
	if x.last.Seq > 0 && !known {
		from++
	}
	_, err := x.archive.conn.Scan(ctx, broker.ScanOptions{From: from, Last: now.LastSeq}, func(r broker.Record) error {
		if known {
			known = false
			if r.Seq != x.last.Seq || !r.Time.Equal(x.last.Time) {
				return errLost
			}
			return nil
		}
		x.last = broker.Record{Seq: r.Seq, Time: r.Time}
		x.add(r)
		return nil
	})
	return err
}

// add adds a message, unless it repeats another one. Whether it is valid is found out when it is listed: to decode all
// of them would take far longer.
func (x *Index) add(r broker.Record) {
	var envelope struct {
		Data struct {
			ID     string `json:"alert_id"`
			Seq    int    `json:"seq"`
			Camera string `json:"camera"`
			Start  struct {
				Wall time.Time `json:"wall"`
			} `json:"start"`
		} `json:"data"`
	}
	a := &envelope.Data
	if err := json.Unmarshal(r.Data, &envelope); err != nil || alerts.ValidID(a.ID) != nil {
		return
	}
	place := Place{a.Start.Wall.UTC(), a.ID}
	i := x.byID[a.ID]
	switch {
	case i == nil:
		i = &indexed{place: place, camera: a.Camera}
		x.byID[a.ID] = i
		x.insert(i)
	case slices.ContainsFunc(i.messages, func(m stored) bool { return m.seq == a.Seq }):
		return
	case i.place.compare(place) != 0:
		at, _ := x.search(i.place)
		x.order = slices.Delete(x.order, at, at+1)
		i.place = place
		x.insert(i)
	}
	i.stored = r.Time
	i.messages = append(i.messages, stored{a.Seq, r.Seq})
}

func (x *Index) insert(i *indexed) {
	at, _ := x.search(i.place)
	x.order = slices.Insert(x.order, at, i)
}

// trim removes the messages below the first number of the stream.
func (x *Index) trim(first uint64) {
	x.order = slices.DeleteFunc(x.order, func(i *indexed) bool {
		n := 0
		for n < len(i.messages) && i.messages[n].number < first {
			n++
		}
		i.messages = slices.Delete(i.messages, 0, n)
		if len(i.messages) > 0 {
			return false
		}
		delete(x.byID, i.place.ID)
		return true
	})
}
