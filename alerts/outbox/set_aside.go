package outbox

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts/broker"
	"vigil/alerts/sink"
	"vigil/internal/errcode"
	"vigil/internal/retry"
)

// Aside is an alert that a sink refused permanently (a dead letter). It is kept until a person has it delivered or
// dropped.
type Aside struct {
	Key       string    `json:"-"` // in the bucket: <sink>.<camera>.<alert>.<seq>
	Sink      string    `json:"way"`
	Camera    string    `json:"camera"`
	AlertID   string    `json:"alert_id"`
	MessageID string    `json:"message_id"`
	Subject   string    `json:"subject"`
	Number    uint64    `json:"number"`    // in the stream of alerts
	Since     time.Time `json:"since"`     // of the first refused delivery
	SetAside  time.Time `json:"set_aside"` // when delivery was given up
	Reason    string    `json:"reason"`
	Retry     bool      `json:"retry,omitempty"` // a person requested a retry
	// Origin proves that vigil itself set it aside: any account that may write can put something into the bucket.
	Origin string `json:"origin,omitempty"`
	// Data is the CloudEvent; nil if it is too large to be stored twice: it can be retried for as long as the stream
	// has it.
	Data json.RawMessage `json:"data,omitempty"`
}

// AsideBucket is the key-value bucket of set-aside alerts. Only the embedded server has it.
const AsideBucket = "VIGIL_ASIDE"

const (
	// asideBytes bounds the bucket; beyond it the oldest entry is deleted.
	asideBytes = 64 << 20
	// maxAside is the largest message that is stored twice: its record must fit into a message of the server.
	maxAside = 512 << 10
)

func asideKey(recorder string, m sink.Message) string {
	return recorder + "." + m.Camera + "." + strings.ReplaceAll(m.ID, ":", ".")
}

// ListAside returns the set-aside alerts by sink and camera, each in the order in which they were set aside; none if
// there is no bucket.
func ListAside(ctx context.Context, js jetstream.JetStream) ([]Aside, error) {
	all, _, err := listAside(ctx, js)
	return all, err
}

func listAside(ctx context.Context, js jetstream.JetStream) (all []Aside, kv jetstream.KeyValue, err error) {
	if kv, err = js.KeyValue(ctx, AsideBucket); errors.Is(err, jetstream.ErrBucketNotFound) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("set-aside alerts: %w", err)
	}
	s, err := js.Stream(ctx, "KV_"+AsideBucket)
	if err != nil {
		return nil, nil, fmt.Errorf("set-aside alerts: %w", err)
	}
	// List the keys first and read each by itself: a key-value watch waits at an unreadable entry.
	const beginning = "$KV." + AsideBucket + "."
	info, err := s.Info(ctx, jetstream.WithSubjectFilter(beginning+">"))
	if err != nil {
		return nil, nil, fmt.Errorf("set-aside alerts: %w", err)
	}
	for subject := range info.State.Subjects {
		key := strings.TrimPrefix(subject, beginning)
		e, err := kv.Get(ctx, key)
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			continue // dropped meanwhile
		}
		if err != nil {
			return nil, nil, fmt.Errorf("set-aside alert %s: %w", key, err)
		}
		a := Aside{Key: key}
		if err := json.Unmarshal(e.Value(), &a); err != nil || a.MessageID == "" {
			// An entry of another program hides nothing else, and can be dropped.
			a = Aside{Key: key, MessageID: key, Reason: "this entry was not set aside by vigil"}
		}
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b Aside) int {
		return cmp.Or(cmp.Compare(a.Sink, b.Sink), cmp.Compare(a.Camera, b.Camera), cmp.Compare(a.Number, b.Number),
			cmp.Compare(a.MessageID, b.MessageID))
	})
	return all, kv, nil
}

// RetryAside requests a retry of a set-aside alert: the vigil that runs on the store performs it soon, or else the next
// one.
func RetryAside(ctx context.Context, js jetstream.JetStream, a Aside) error {
	if a.Sink == "" {
		return fmt.Errorf("try %s again: %s; it can only be dropped", a.MessageID, a.Reason)
	}
	kv, err := js.KeyValue(ctx, AsideBucket)
	if err == nil {
		a.Retry = true
		err = putAside(ctx, kv, a)
	}
	if err != nil {
		return fmt.Errorf("try alert %s again: %w", a.MessageID, err)
	}
	return nil
}

// DropAside deletes a set-aside alert.
func DropAside(ctx context.Context, js jetstream.JetStream, a Aside) error {
	if err := dropAside(ctx, js, a.Key); err != nil {
		return fmt.Errorf("drop alert %s: %w", a.MessageID, err)
	}
	return nil
}

func dropAside(ctx context.Context, js jetstream.JetStream, key string) error {
	return deleteKey(ctx, js, AsideBucket, key)
}

// deleteKey deletes all revisions of a key; a Purge of the bucket would leave a marker.
func deleteKey(ctx context.Context, js jetstream.JetStream, bucket, key string) error {
	s, err := js.Stream(ctx, "KV_"+bucket)
	if err != nil {
		return err
	}
	return s.Purge(ctx, jetstream.WithPurgeSubject("$KV."+bucket+"."+key))
}

func putAside(ctx context.Context, kv jetstream.KeyValue, a Aside) error {
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	_, err = kv.Put(ctx, a.Key, text)
	return err
}

// setAside stores a message that a sink refuses, and drops the oldest ones if there is no room.
func (o *Outbox) setAside(ctx context.Context, f *forwarder, m sink.Message, since time.Time, cause error) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	js := o.conn.JetStream()
	kv, err := js.KeyValue(ctx, AsideBucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		kv, err = js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket: AsideBucket, Description: "Alerts of vigil that were refused", MaxBytes: asideBytes,
			Storage: jetstream.FileStorage,
		})
	}
	if err != nil {
		return err
	}
	alert, _, _ := strings.Cut(m.ID, ":")
	a := Aside{
		Key: asideKey(f.sink.Name(), m), Sink: f.sink.Name(), Camera: f.camera, AlertID: alert, MessageID: m.ID,
		Subject: m.Subject, Number: m.Seq,
		Since: since.UTC(), SetAside: time.Now().UTC(), Reason: sink.Steady(cause),
		Origin: o.server.SignOrigin(m.Subject, m.ID, m.Data),
	}
	if len(m.Data) <= maxAside {
		a.Data = m.Data
	}
	for err = putAside(ctx, kv, a); broker.Full(err); err = putAside(ctx, kv, a) {
		all, _, listed := listAside(ctx, js)
		if listed != nil || len(all) == 0 {
			return errors.Join(err, listed)
		}
		oldest := slices.MinFunc(all, func(a, b Aside) int { return a.SetAside.Compare(b.SetAside) })
		if err := dropAside(ctx, js, oldest.Key); err != nil {
			return err
		}
		o.counters.asideDeleted.Add(1)
		o.log.Error("ALARM: too many alerts are set aside; the oldest is deleted and never reaches its sink", "sink",
			oldest.Sink, "camera",
			oldest.Camera, "id", oldest.MessageID, errcode.Key, errcode.SinkLostAside)
	}
	if err != nil {
		return err
	}
	o.log.Error(
		"alert is refused and was set aside; the next ones go on ('vigil outbox list' shows it, 'vigil outbox retry' "+
			"tries it again)",
		"sink", a.Sink, "camera", a.Camera, "id", a.MessageID, "since", since.UTC().Format(time.RFC3339),
		"error", a.Reason, errcode.Key, errcode.SinkRefusedMessage)
	o.counters.setAside.Add(1)
	o.setAsideCount.Add(1) // watchAside counts again; forwarders do not wait for retries
	o.publishCounts()
	return nil
}

// scanAside counts the set-aside alerts, and performs requested retries.
func (o *Outbox) scanAside(ctx context.Context) {
	all, kv, err := listAside(ctx, o.conn.JetStream())
	if err != nil {
		o.log.Debug("check the set-aside alerts", "error", err)
		return
	}
	left := uint64(len(all))
	for _, a := range all {
		if a.Retry && o.retryAside(ctx, kv, a) {
			left--
		}
	}
	if o.setAsideCount.Swap(left) != left || uint64(len(all)) != left {
		o.publishCounts()
	}
}

// retryAside tries once; true if the alert is delivered and no longer set aside.
func (o *Outbox) retryAside(ctx context.Context, kv jetstream.KeyValue, a Aside) bool {
	err := o.deliverAside(ctx, a)
	if err == nil {
		err = dropAside(ctx, o.conn.JetStream(), a.Key)
		o.log.Info("a set-aside alert is delivered", "sink", a.Sink, "camera", a.Camera, "id", a.MessageID)
		return err == nil
	}
	if ctx.Err() != nil {
		return false
	}
	a.Retry, a.Reason = false, sink.Steady(err)
	o.log.Warn("retry of a set-aside alert failed", "sink", a.Sink, "camera", a.Camera, "id",
		a.MessageID, "error", errcode.SinkBadAnswer.Default(err))
	if err := putAside(ctx, kv, a); err != nil {
		o.log.Debug("failed retry of a set-aside alert not recorded", "error", err)
	}
	return false
}

func (o *Outbox) deliverAside(ctx context.Context, a Aside) error {
	i := slices.IndexFunc(o.opts.Sinks, func(w sink.Sink) bool { return w.Name() == a.Sink })
	if i < 0 {
		return fmt.Errorf("%s is not configured any more", a.Sink)
	}
	m := sink.Message{
		Seq: math.MaxUint64, Camera: a.Camera, Subject: a.Subject, ID: a.MessageID, Data: a.Data,
		Origin: a.Origin, Again: true,
	}
	if len(m.Data) == 0 {
		s, err := o.stream(ctx)
		if err != nil {
			return err
		}
		raw, err := s.GetMsg(ctx, a.Number)
		if err != nil || raw.Header.Get(jetstream.MsgIDHeader) != a.MessageID {
			return errors.Join(errors.New("the store has deleted it"), err)
		}
		m.Data = raw.Data
	}
	if err := o.verify(m); err != nil {
		return err
	}
	m.Seq = a.Number
	ctx, cancel := context.WithTimeout(ctx, retryTimeout)
	defer cancel()
	return o.opts.Sinks[i].Deliver(ctx, m)
}

// retryTimeout bounds one retry.
const retryTimeout = 30 * time.Second

const (
	// asideInterval is how often the bucket is checked for requests to retry.
	asideInterval = time.Second
	// streamInterval is how often the stream is checked.
	streamInterval = time.Second
)

// watchStream checks the stream of alerts for as long as the outbox is open.
func (o *Outbox) watchStream() {
	for o.checkStream(o.ctx); retry.Sleep(o.ctx, streamInterval); o.checkStream(o.ctx) {
	}
}

// watchAside scans the set-aside alerts at the start and whenever they have changed.
func (o *Outbox) watchAside() {
	var last uint64
	for first := true; ; first = false {
		ctx, cancel := context.WithTimeout(o.ctx, readTimeout)
		s, err := o.conn.JetStream().Stream(ctx, "KV_"+AsideBucket)
		cancel()
		if err == nil {
			if state := s.CachedInfo().State; first || state.LastSeq != last || state.Msgs != o.setAsideCount.Load() {
				o.scanAside(o.ctx)
				last = state.LastSeq
			}
		}
		if !retry.Sleep(o.ctx, asideInterval) {
			return
		}
	}
}
