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

// Acknowledge keeps that a person, by, has seen an alert; a later word replaces it. With normal, which says that what
// was reported is normal there, what there is of the record to learn from is kept beside, before the word is: what is
// said to be kept is.
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
			return ack, fmt.Errorf("keep the clip to learn from: %w", err)
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

// ack gives the word on an alert; false where there is none.
func (a *Archive) ack(ctx context.Context, id string) (alerts.Ack, bool, error) {
	kv, err := a.conn.JetStream().KeyValue(ctx, alerts.AcksBucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return alerts.Ack{}, false, nil
	}
	if err != nil {
		return alerts.Ack{}, false, fmt.Errorf("acknowledgements: %w", err)
	}
	e, err := kv.Get(ctx, id)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return alerts.Ack{}, false, nil
	}
	if err != nil {
		return alerts.Ack{}, false, fmt.Errorf("acknowledgements: %w", err)
	}
	ack, err := alerts.DecodeAck(e.Value())
	return ack, err == nil, err
}

// StoreBytes is what the streams behind acknowledgements and clips to learn from may take together.
const StoreBytes = acksBytes + trainingBytes

// trainingBytes bounds the clips to learn from; when they are full, the next one is refused rather than an old one let
// go that a person chose.
const trainingBytes = 4 << 30

// keepClips copies what the model saw to where no limit of evidence lets it go.
func keepClips(ctx context.Context, js jetstream.JetStream, r *Record) ([]string,
	error,
) {
	var to jetstream.ObjectStore
	var kept []string
	for _, p := range r.pieces {
		name := p.Info.Name
		switch {
		case p.Bucket == alerts.TrainingBucket:
			kept = append(kept, name) // by an earlier word
			continue
		case p.MediaType() != evidence.InputMediaType:
			continue // a clip for people has another rate, and is no lesson
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
