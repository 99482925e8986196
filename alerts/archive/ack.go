package archive

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
	"vigil/alerts/evidence"
)

// acksBytes bounds the acknowledgements, of which a year has a few thousand.
const acksBytes = 64 << 20

// PutAck keeps a person's word on an alert; a later word replaces it. Where it is that all was normal, what there is
// of the alert to learn from, among the pieces that are given, is kept beside, before the word is: what is said to be
// kept is.
func PutAck(ctx context.Context, js jetstream.JetStream, a alerts.Ack, from *evidence.Reader,
	pieces []evidence.Piece) (alerts.Ack,
	error,
) {
	if a.Normal {
		clips, err := keepClips(ctx, js, from, pieces)
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
			Bucket: alerts.AcksBucket, Description: "What people said of vigil's alerts", MaxBytes: acksBytes,
			Storage: jetstream.FileStorage,
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

// StoreBytes is what the streams behind acknowledgements and clips to learn from may take together.
const StoreBytes = acksBytes + trainingBytes

// trainingBytes bounds the clips to learn from; when they are full, the next one is refused rather than an old one let
// go that a person chose.
const trainingBytes = 4 << 30

// keepClips copies what the model saw to where no limit of evidence lets it go.
func keepClips(ctx context.Context, js jetstream.JetStream, from *evidence.Reader, pieces []evidence.Piece) ([]string,
	error,
) {
	var to jetstream.ObjectStore
	var kept []string
	for _, p := range pieces {
		name := p.Info.Name
		switch {
		case p.Bucket == alerts.TrainingBucket:
			kept = append(kept, name) // by an earlier word
			continue
		case p.MediaType() != evidence.InputMediaType:
			continue // a clip for people has another rate, and is no lesson
		}
		data, err := from.Read(ctx, p.Bucket, name)
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
