package evidence

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
)

// acksBytes bounds the acknowledgements, of which a year has a few thousand.
const acksBytes = 64 << 20

// PutAck keeps a person's word on an alert; a later word replaces it. Where it is that all was normal, the alert's clips are kept beside, to learn
// from, before the word is: what is said to be kept is.
func PutAck(ctx context.Context, js jetstream.JetStream, a alerts.Ack) (alerts.Ack, error) {
	if a.Normal {
		clips, err := keepClips(ctx, js, a.AlertID)
		if err != nil {
			return a, fmt.Errorf("keep the clip to learn from: %w", err)
		}
		a.Clips = clips
	}
	data, err := alerts.EncodeAck(a)
	if err != nil {
		return a, err
	}
	kv, err := js.KeyValue(ctx, alerts.AcksBucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		kv, err = js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket: alerts.AcksBucket, Description: "What people said of vigil's alerts", MaxBytes: acksBytes, Storage: jetstream.FileStorage,
		})
	}
	if err == nil {
		_, err = kv.Put(ctx, a.AlertID, data)
	}
	if err != nil {
		return a, fmt.Errorf("acknowledge alert %s: %w", a.AlertID, err)
	}
	return a, nil
}

// GetAck gives the word on an alert; false where there is none.
func GetAck(ctx context.Context, js jetstream.JetStream, id string) (alerts.Ack, bool, error) {
	kv, err := js.KeyValue(ctx, alerts.AcksBucket)
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
	a, err := alerts.DecodeAck(e.Value())
	return a, err == nil, err
}

// trainingBytes bounds the clips to learn from; when they are full, the next one is refused rather than an old one let go that a person chose.
const trainingBytes = 4 << 30

// keepClips copies an alert's clips to where no limit of evidence lets them go.
func keepClips(ctx context.Context, js jetstream.JetStream, id string) ([]string, error) {
	all, err := Names(ctx, js, Bucket, id)
	if err != nil {
		return nil, err
	}
	var to jetstream.ObjectStore
	var kept []string
	for _, o := range all {
		if o.Headers.Get("Content-Type") != "video/mp4" {
			continue
		}
		if to == nil {
			if to, err = js.CreateOrUpdateObjectStore(ctx, jetstream.ObjectStoreConfig{
				Bucket: alerts.TrainingBucket, Description: "Clips that a person called normal", Storage: jetstream.FileStorage, MaxBytes: trainingBytes,
			}); err != nil {
				return nil, err
			}
		}
		data, err := Read(ctx, js, Bucket, o.Name)
		if err != nil {
			return nil, err
		}
		if _, err := to.PutBytes(ctx, o.Name, data); err != nil {
			return nil, fmt.Errorf("object %s of %s: %w", o.Name, alerts.TrainingBucket, err)
		}
		kept = append(kept, o.Name)
	}
	return kept, nil
}
