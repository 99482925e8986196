package archive

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/evidence"
)

// acksBytes bounds the acknowledgements, of which a year has a few thousand.
const acksBytes = 64 << 20

// Acknowledge records that the person by has seen an alert; it replaces an earlier acknowledgement. With normal, which
// means that the reported event is normal there, the clips of the record are first copied to the training bucket, so
// that every clip listed in the acknowledgement exists.
func (a *Archive) Acknowledge(ctx context.Context, r *Record, by string, normal bool) (alerts.Ack, error) {
	ctx, release := a.conn.WithConnErrors(ctx, "$KV.", "$O.", "$JS.API.")
	defer release()
	ack, err := a.putAck(ctx, r, alerts.Ack{
		AlertID: r.Last.ID, Camera: r.Last.Camera, By: by, At: time.Now(), Normal: normal,
	})
	if denied := context.Cause(ctx); err != nil && broker.Denied(denied) {
		err = fmt.Errorf("acknowledge alert %s: only reading is allowed there without an account that may write: "+
			"run it on the machine of that vigil, as its user and with --local, or give a user: %w", r.Last.ID, denied)
	}
	return ack, err
}

func (a *Archive) putAck(ctx context.Context, r *Record, ack alerts.Ack) (alerts.Ack, error) {
	js := a.conn.JetStream()
	if ack.Normal {
		clips, err := keepClips(ctx, js, r)
		if err != nil {
			return ack, fmt.Errorf("keep the clip for training: %w", err)
		}
		ack.Clips = clips
	}
	data, err := alerts.EncodeAck(ack)
	if err != nil {
		return ack, err
	}
	kv, err := js.KeyValue(ctx, alerts.AcksBucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		kv, err = js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket: alerts.AcksBucket, Description: "What people said of vigil's alerts", MaxBytes: acksBytes,
			Storage: jetstream.FileStorage,
		})
	}
	if err == nil {
		_, err = kv.Put(ctx, ack.AlertID, data)
	}
	if err != nil {
		return ack, fmt.Errorf("acknowledge alert %s: %w", ack.AlertID, err)
	}
	return ack, nil
}

// ackReader reads acknowledgements. It may be used concurrently.
type ackReader struct{ bucket jetstream.KeyValue } // nil if there are none

func (a *Archive) openAcks(ctx context.Context) (ackReader, error) {
	bucket, err := a.conn.JetStream().KeyValue(ctx, alerts.AcksBucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return ackReader{}, nil
	}
	if err != nil {
		return ackReader{}, fmt.Errorf("acknowledgements: %w", err)
	}
	return ackReader{bucket}, nil
}

// bucketState changes with every change of a bucket.
type bucketState struct {
	created           int64 // in nanoseconds
	first, last, size uint64
}

func (r ackReader) state(ctx context.Context) (bucketState, error) {
	if r.bucket == nil {
		return bucketState{}, nil
	}
	status, err := r.bucket.Status(ctx)
	if err != nil {
		return bucketState{}, fmt.Errorf("acknowledgements: %w", err)
	}
	at := bucketState{size: status.Values()}
	if s, ok := status.(*jetstream.KeyValueBucketStatus); ok {
		info := s.StreamInfo()
		at.created, at.first, at.last = info.Created.UnixNano(), info.State.FirstSeq, info.State.LastSeq
	}
	return at, nil
}

// of returns the acknowledgement of an alert; nil if there is none.
func (r ackReader) of(ctx context.Context, id string) (*alerts.Ack, error) {
	if r.bucket == nil {
		return nil, nil
	}
	e, err := r.bucket.Get(ctx, id)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("acknowledgements: %w", err)
	}
	ack, err := alerts.DecodeAck(e.Value())
	if err != nil {
		return nil, unreadableAck{err}
	}
	return &ack, nil
}

// unreadableAck is the error of an acknowledgement that is stored and is none.
type unreadableAck struct{ error }

func (u unreadableAck) Unwrap() error { return u.error }

// StoreBytes is the maximum size of the streams behind acknowledgements and training clips together.
const StoreBytes = acksBytes + trainingBytes

// trainingBytes bounds the training clips; when they are full, the next one is refused, since a person chose the
// existing ones.
const trainingBytes = 4 << 30

// keepClips copies the model's input to the training bucket, where no limit of evidence deletes it.
func keepClips(ctx context.Context, js jetstream.JetStream, r *Record) ([]string,
	error,
) {
	var to jetstream.ObjectStore
	var kept []string
	for _, p := range r.pieces {
		name := p.Info.Name
		switch {
		case p.Bucket == alerts.TrainingBucket:
			kept = append(kept, name) // by an earlier acknowledgement
			continue
		case p.MediaType() != evidence.InputMediaType:
			continue // a clip for people has another rate and is not used for training
		}
		data, err := r.reader.Read(ctx, p.Bucket, name)
		if err != nil {
			return nil, err
		}
		if to == nil {
			if to, err = js.CreateOrUpdateObjectStore(ctx, jetstream.ObjectStoreConfig{
				Bucket: alerts.TrainingBucket, Description: "What models saw that a person called normal",
				Storage:  jetstream.FileStorage,
				MaxBytes: trainingBytes,
			}); err != nil {
				return nil, err
			}
		}
		if _, err := to.PutBytes(ctx, name, data); err != nil {
			return nil, fmt.Errorf("object %s of %s: %w", name, alerts.TrainingBucket, err)
		}
		kept = append(kept, name)
	}
	return kept, nil
}
