// Package switches stores the cameras' switches in the embedded server: alerts.Switches go in and come back after a
// restart. The invariants: what Put has returned without an error is on the disk; the last Journal changes of each
// camera are kept; an entry that cannot be used hides no other one.
package switches

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
	"vigil/internal/retry"
)

const (
	// Journal is the number of changes that are kept of each camera.
	Journal = 16
	// StoreBytes bounds the bucket: an entry has about 300 bytes, so it has room for some 800 cameras.
	StoreBytes = 4 << 20
	// maxEntries bounds what is read.
	maxEntries = 4096
	// putTimeout bounds Put, with a restart of the server in it, and putRetry is the pause before it is tried again.
	putTimeout = 5 * time.Second
	putRetry   = 100 * time.Millisecond
)

// Store is the bucket of switches. Its methods may be called concurrently.
type Store struct {
	js jetstream.JetStream
}

// Open opens the bucket, and creates it if it is missing.
func Open(ctx context.Context, js jetstream.JetStream) (*Store, error) {
	s := &Store{js}
	if _, err := s.ensure(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Store) ensure(ctx context.Context) (jetstream.KeyValue, error) {
	kv, err := s.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: alerts.SwitchesBucket, Description: "Switches of vigil's cameras", History: Journal,
		MaxBytes: StoreBytes, Storage: jetstream.FileStorage,
	})
	if err != nil {
		return nil, fmt.Errorf("bucket of switches: %w", err)
	}
	return kv, nil
}

// Unusable is an entry that is ignored.
type Unusable struct {
	Key string
	Err error
}

// Load returns the entries by camera, and those that cannot be used.
func (s *Store) Load(ctx context.Context) (map[string]alerts.Switches, []Unusable, error) {
	kv, err := s.js.KeyValue(ctx, alerts.SwitchesBucket)
	if err != nil {
		return nil, nil, fmt.Errorf("bucket of switches: %w", err)
	}
	stream, err := s.js.Stream(ctx, "KV_"+alerts.SwitchesBucket)
	if err != nil {
		return nil, nil, fmt.Errorf("bucket of switches: %w", err)
	}
	// List the keys first and read each by itself: a key-value watch waits at an unreadable entry.
	const prefix = "$KV." + alerts.SwitchesBucket + "."
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(prefix+">"))
	if err != nil {
		return nil, nil, fmt.Errorf("bucket of switches: %w", err)
	}
	all := map[string]alerts.Switches{}
	var unusable []Unusable
	for subject := range info.State.Subjects {
		key := strings.TrimPrefix(subject, prefix)
		if len(all)+len(unusable) >= maxEntries {
			unusable = append(unusable, Unusable{key, fmt.Errorf("there are more than %d entries", maxEntries)})
			break
		}
		entry, err := kv.Get(ctx, key)
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			continue // deleted
		}
		if ctx.Err() != nil {
			return nil, nil, fmt.Errorf("bucket of switches: %w", context.Cause(ctx))
		}
		var found alerts.Switches
		if err == nil {
			found, err = alerts.DecodeSwitches(key, entry.Value())
		}
		if err != nil {
			unusable = append(unusable, Unusable{key, err})
			continue
		}
		all[key] = found
	}
	slices.SortFunc(unusable, func(a, b Unusable) int { return strings.Compare(a.Key, b.Key) })
	return all, unusable, nil
}

// Put stores a camera's switches. It retries while the server restarts, for some seconds, and creates the bucket again
// if it is gone.
func (s *Store) Put(ctx context.Context, of alerts.Switches) error {
	data, err := alerts.EncodeSwitches(of)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, putTimeout)
	defer cancel()
	for {
		if err = s.put(ctx, of.Camera, data); err == nil {
			return nil
		}
		if !retry.Sleep(ctx, putRetry) {
			return fmt.Errorf("store the switches of camera %s: %w", of.Camera, err)
		}
	}
}

func (s *Store) put(ctx context.Context, key string, data []byte) error {
	kv, err := s.js.KeyValue(ctx, alerts.SwitchesBucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		kv, err = s.ensure(ctx)
	}
	if err == nil {
		_, err = kv.Put(ctx, key, data)
	}
	return err
}

// History returns the latest changes of a camera, the newest last. What cannot be read is left out.
func (s *Store) History(ctx context.Context, camera string) ([]alerts.Switches, error) {
	if err := alerts.ValidCamera(camera); err != nil {
		return nil, err
	}
	kv, err := s.js.KeyValue(ctx, alerts.SwitchesBucket)
	if err != nil {
		return nil, fmt.Errorf("bucket of switches: %w", err)
	}
	entries, err := kv.History(ctx, camera)
	if err != nil && !errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, fmt.Errorf("bucket of switches: %w", err)
	}
	var all []alerts.Switches
	for _, e := range entries {
		if one, err := alerts.DecodeSwitches(camera, e.Value()); err == nil {
			all = append(all, one)
		}
	}
	return all, nil
}
