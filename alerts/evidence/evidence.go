// Package evidence makes the pictures and videos of an event: the frame at its peak, the same with the error map over
// it, and a clip.
//
// A Maker gets a Request for each message of an event, with the media buffer of its camera, and sends a Result when
// something is ready. It never delays an alert: what it cannot make is left out and logged. Objects appear complete or
// not at all and are deleted, the oldest first, by age and by size, within a budget of their own.
package evidence

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"vigil/alerts"
	"vigil/alerts/thread"
	"vigil/internal/broadcast"
	"vigil/internal/errcode"
)

// ObjectWriter stores objects. Put returns once the whole object is stored.
type ObjectWriter interface {
	Put(ctx context.Context, name, mediaType string, data []byte) error
	Bucket() string
}

// Encoder makes a video of JPEG pictures of one size at fps, in a format that browsers play.
type Encoder interface {
	Encode(ctx context.Context, pictures [][]byte, fps float64) ([]byte, error)
}

// Options describe a Maker. Durations are stream time.
type Options struct {
	Store ObjectWriter
	// Bucket is the bucket that alerts name if evidence is read from another server; empty is the store's own.
	Bucket  string
	Encoder Encoder // nil makes no clips
	Log     *slog.Logger
	// Before and After are the durations that a clip shows around the event; MaxLength bounds all of it.
	Before, After, MaxLength time.Duration
	// AfterEnd is called with each piece that became ready after the end of its event was handled, and may be missing
	// in all messages. It is called by the goroutine that makes clips, and ends with ctx; may be nil.
	AfterEnd func(ctx context.Context, e alerts.Evidence)
}

const (
	// maxQueuedRequests is how many messages may wait for their pictures; beyond that, events are reported without.
	maxQueuedRequests = 64
	// maxQueuedClips is how many clips may wait for the encoder, a few MiB of previews each.
	maxQueuedClips = 8
	// maxQueuedResults is how many results may wait for the publisher.
	maxQueuedResults = 256
	// stillTimeout is how long a camera's process may take to return a picture.
	stillTimeout = 3 * time.Second
	// putTimeout bounds the storing of an object.
	putTimeout = 20 * time.Second
	// encodeTimeout bounds a clip; at the lowest priority it may take long on an overloaded machine.
	encodeTimeout = 2 * time.Minute
	// maxClips is the number of clips per event: that of its start, and of later peaks.
	maxClips = 3
)

// Maker makes evidence of events. One goroutine takes pictures, another makes clips, both sequentially.
type Maker struct {
	opts    Options
	log     *slog.Logger
	queue   chan thread.Request
	clips   chan clipJob
	results chan thread.Result

	ctx  context.Context //nolint:containedctx // of the goroutines that Close ends
	stop context.CancelFunc
	work sync.WaitGroup

	counts counters
	less   broadcast.Signal // busy is smaller, or ctx has ended
	mu     sync.Mutex
	jobs   map[string]*job
	busy   int // messages whose pictures are not taken, and clips that are not finished
}

// NewMaker starts a Maker; Close ends it.
func NewMaker(opts Options) *Maker {
	m := &Maker{
		opts: opts, log: opts.Log, queue: make(chan thread.Request, maxQueuedRequests),
		clips:   make(chan clipJob, maxQueuedClips),
		results: make(chan thread.Result, maxQueuedResults), jobs: map[string]*job{},
	}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	if m.opts.Bucket == "" && m.opts.Store != nil {
		m.opts.Bucket = m.opts.Store.Bucket()
	}
	m.ctx, m.stop = context.WithCancel(context.Background())
	m.work.Go(m.takePictures)
	m.work.Go(m.makeClips)
	return m
}

// Results returns the channel of results. Its reader must not depend on them: an event may have none.
func (m *Maker) Results() <-chan thread.Result { return m.results }

// Submit accepts a message that was published, or an end that is about to be. It does not block. For an end it reports
// whether a Result with Last will follow.
func (m *Maker) Submit(s thread.Request) bool {
	if s.Media == nil {
		return false
	}
	m.add(1)
	select {
	case m.queue <- s:
		return true
	default:
		m.add(-1)
		m.counts.lost[LostQueueFull].Add(1)
		m.log.Warn("too many events at once: one has no evidence", "camera", s.Alert.Camera, "id", s.Alert.ID,
			errcode.Key, errcode.EvidenceMissing)
		m.dropJob(s.Alert.ID)
		return false
	}
}

// add changes the count of pending work.
func (m *Maker) add(n int) {
	m.mu.Lock()
	m.busy += n
	m.mu.Unlock()
	if n < 0 {
		m.less.Notify()
	}
}

// Busy returns the number of pending messages and clips.
func (m *Maker) Busy() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.busy
}

// Finish waits until the evidence of all messages so far is made, or ctx ends. Each clip has its own limit, and so has
// this.
func (m *Maker) Finish(ctx context.Context) {
	m.less.Until(ctx, func() bool { return m.Busy() == 0 || m.ctx.Err() != nil })
}

// Close abandons what is not ready, reports that for each event, and waits for work in progress.
func (m *Maker) Close() error {
	m.stop()
	m.less.Notify()
	m.work.Wait()
	for {
		select {
		case s := <-m.queue:
			m.warn("what its "+string(s.Alert.Phase)+" shows", s.Alert, context.Canceled)
		case c := <-m.clips:
			m.warn("clip", c.alert, context.Canceled)
		default:
			return nil
		}
	}
}

// job is an event for which evidence is made.
type job struct {
	camera, id    string
	items         []alerts.Evidence
	snapshotFrame uint64 // the frame that the snapshot shows
	anchor        alerts.Moment
	clipDeadline  time.Time // latest time at which a clip around anchor is cut; zero for none
	coveredUntil  uint64    // last frame of the last clip
	clipCount     int
	pending       []alerts.PendingEvidence // cut and not ready
	missing       []alerts.MissingEvidence // clips that could not be made
	ended         bool                     // its end was handled
}

func (m *Maker) dropJob(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.jobs, id)
}

// clipDone removes objects from the pending list. m.mu is held.
func (j *job) clipDone(gone []alerts.PendingEvidence) {
	j.pending = slices.DeleteFunc(j.pending, func(p alerts.PendingEvidence) bool { return slices.Contains(gone, p) })
}

// addItems adds pieces to an event's evidence and sends the Result.
func (m *Maker) addItems(j *job, items ...alerts.Evidence) {
	m.mu.Lock()
	for _, e := range items {
		j.items = replace(j.items, e)
	}
	m.emit(j)
	m.mu.Unlock()
}

// emit sends the Result of an event. m.mu is held.
func (m *Maker) emit(j *job) {
	f := thread.Result{Camera: j.camera, AlertID: j.id, Items: slices.Clone(j.items), Last: j.ended &&
		len(j.pending) == 0}
	if f.Last {
		delete(m.jobs, j.id)
	}
	if j.ended && len(j.pending) > 0 {
		f.Pending = slices.Clone(j.pending)
	}
	if j.ended && len(j.missing) > 0 {
		f.Missing = slices.Clone(j.missing)
	}
	select {
	case m.results <- f:
	default: // the publisher is stuck, and an end does not wait forever
		m.counts.lost[LostNotAnnounced].Add(1)
	}
}

// replace replaces a picture of the same kind by e; videos are added.
func replace(items []alerts.Evidence, e alerts.Evidence) []alerts.Evidence {
	if e.Kind == alerts.EvidenceSnapshot || e.Kind == alerts.EvidenceHeatMap {
		for i := range items {
			if items[i].Kind == e.Kind {
				items[i] = e
				return items
			}
		}
	}
	return append(items, e)
}

// put stores an object and fills in its description.
func (m *Maker) put(e alerts.Evidence, data []byte) (alerts.Evidence, error) {
	ctx, cancel := context.WithTimeout(m.ctx, putTimeout)
	defer cancel()
	if err := m.opts.Store.Put(ctx, e.Name, e.MediaType, data); err != nil {
		return e, err
	}
	e.Bucket, e.Bytes, e.SHA256 = m.opts.Bucket, int64(len(data)), Digest(data)
	m.counts.stored.Add(1)
	m.counts.bytes.Add(uint64(len(data)))
	return e, nil
}

// errStopped is the error of evidence that Close abandons.
var errStopped = errors.New("abandoned, because the program was stopped first")

// addMissing records that a clip of an event could not be made.
func (m *Maker) addMissing(j *job, reason string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	j.missing = append(j.missing, alerts.MissingEvidence{Kind: alerts.EvidenceClip, Reason: reason})
}

// warn logs and counts a failure.
func (m *Maker) warn(what string, s alerts.Alert, err error) {
	if errors.Is(err, context.Canceled) {
		err = errStopped
	}
	m.counts.lost[lossOf(err)].Add(1)
	m.log.Warn("evidence is missing", "what", what, "camera", s.Camera, "id", s.ID, "error", err, errcode.Key,
		errcode.EvidenceMissing)
}
