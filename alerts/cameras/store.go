package cameras

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
	"vigil/internal/errcode"
	"vigil/internal/retry"
)

const (
	// Journal is the number of changes that are kept of each camera.
	Journal = 16
	// StoreBytes bounds the bucket: with some kilobytes an entry, whole journals of a hundred cameras.
	StoreBytes = 8 << 20
	// maxEntries bounds what is read.
	maxEntries = 4096
	// storeTimeout bounds a change, with a restart of the server in it, and retryPause is the pause before it is tried
	// again.
	storeTimeout = 5 * time.Second
	retryPause   = 100 * time.Millisecond
	// keepRemoved is how long it is kept who removed a camera.
	keepRemoved = 30 * 24 * time.Hour

	subjectPrefix = "$KV." + alerts.CamerasBucket + "."
)

// ErrStale means that the entry has another revision than the one that was to be replaced.
var ErrStale = errcode.CameraChanged.New("the camera was changed meanwhile")

// Store is the bucket of cameras. Its methods may be called concurrently.
type Store struct {
	js  jetstream.JetStream
	dir string

	mu  sync.Mutex
	key key
}

// Open opens the bucket, and creates it if it is missing. dataDir is where the key of the addresses is.
func Open(ctx context.Context, js jetstream.JetStream, dataDir string) (*Store, error) {
	s := &Store{js: js, dir: dataDir, key: readKey(dataDir)}
	if _, err := s.ensure(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Store) ensure(ctx context.Context) (jetstream.KeyValue, error) {
	kv, err := s.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: alerts.CamerasBucket, Description: "Cameras of vigil that are made at run time", History: Journal,
		MaxBytes: StoreBytes, Storage: jetstream.FileStorage,
	})
	if err != nil {
		return nil, fmt.Errorf("bucket of cameras: %w", err)
	}
	return kv, nil
}

// Load returns the entries by name. Those that cannot be used have an Err.
func (s *Store) Load(ctx context.Context) ([]Entry, error) {
	kv, err := s.js.KeyValue(ctx, alerts.CamerasBucket)
	if err != nil {
		return nil, fmt.Errorf("bucket of cameras: %w", err)
	}
	stream, err := s.js.Stream(ctx, "KV_"+alerts.CamerasBucket)
	if err != nil {
		return nil, fmt.Errorf("bucket of cameras: %w", err)
	}
	// List the keys first and read each by itself: a key-value watch waits at an unreadable entry.
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(subjectPrefix+">"))
	if err != nil {
		return nil, fmt.Errorf("bucket of cameras: %w", err)
	}
	var all []Entry
	for subject := range info.State.Subjects {
		name := strings.TrimPrefix(subject, subjectPrefix)
		if len(all) >= maxEntries {
			all = append(all, Entry{Camera: name, Err: fmt.Errorf("there are more than %d entries", maxEntries)})
			break
		}
		found, err := s.get(ctx, kv, name)
		switch {
		case ctx.Err() != nil:
			return nil, fmt.Errorf("bucket of cameras: %w", context.Cause(ctx))
		case errors.Is(err, jetstream.ErrKeyNotFound): // nothing deletes the last message of a listed key
			found = Entry{Camera: name, Err: errUnreadable}
		case err != nil:
			found = Entry{Camera: name, Revision: found.Revision, Err: err}
		case found.Removed:
			purge := onlyLatest(name)
			if time.Since(found.At) > keepRemoved {
				purge = purge[:1]
			}
			_ = stream.Purge(ctx, purge...) // else at the next start
			continue
		}
		all = append(all, found)
	}
	slices.SortFunc(all, func(a, b Entry) int { return strings.Compare(a.Camera, b.Camera) })
	return all, nil
}

// get returns a camera's entry. With an error it has the revision, if that is known.
func (s *Store) get(ctx context.Context, kv jetstream.KeyValue, camera string) (Entry, error) {
	stored, err := kv.Get(ctx, camera)
	if err != nil {
		return Entry{}, err
	}
	e, err := decode(camera, stored.Value(), s.currentKey())
	e.Revision = stored.Revision()
	return e, err
}

func (s *Store) currentKey() key {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.key
}

// errUnreadable is of an entry that the server lists and cannot give.
var errUnreadable = errors.New("the stored entry cannot be read: the store in data_dir is damaged; " +
	"remove the camera and add it again")

// keyToSeal returns the key. It is made if there is none and nothing was sealed: a key that cannot be read now, or was
// not restored yet, must not be lost with all that was sealed with it.
func (s *Store) keyToSeal(ctx context.Context) (key, error) {
	if k := s.currentKey(); k.aead != nil {
		return k, nil
	}
	all, err := s.Load(ctx)
	if err != nil {
		return key{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.key.aead == nil {
		s.key = readKey(s.dir)
	}
	if s.key.aead != nil {
		return s.key, nil
	}
	if !errors.Is(s.key.err, errNoKey) || len(all) > 0 {
		return key{}, s.key.err
	}
	made, err := makeKey(s.dir)
	if err != nil {
		return key{}, err
	}
	s.key = made
	return s.key, nil
}

// Find returns the stored entry of a camera, which may be a removal; without a Revision there is none.
func (s *Store) Find(ctx context.Context, camera string) (Entry, error) {
	kv, err := s.js.KeyValue(ctx, alerts.CamerasBucket)
	if err != nil {
		return Entry{}, fmt.Errorf("bucket of cameras: %w", err)
	}
	e, err := s.get(ctx, kv, camera)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		return Entry{Camera: camera}, nil
	case err != nil && e.Revision == 0:
		return e, fmt.Errorf("bucket of cameras: %w", err)
	case err != nil:
		e = Entry{Camera: camera, Revision: e.Revision, Err: err}
	}
	return e, nil //nolint:nilerr // an entry that cannot be used has an Err
}

// Put stores an entry in place of the one with its Revision, or as a new one if that is 0, and returns its own
// revision. It fails with ErrStale if the stored one has another revision. It retries while the server restarts, for
// some seconds, and creates the bucket again if it is gone.
func (s *Store) Put(ctx context.Context, e Entry) (revision uint64, err error) {
	k, err := s.keyToSeal(ctx)
	if err != nil {
		return 0, err
	}
	return s.store(ctx, e, k)
}

// Remove stores that a camera was removed, as Put does, and deletes its earlier entries.
func (s *Store) Remove(ctx context.Context, e Entry) error {
	e.Removed, e.Settings, e.Sealed, e.Source = true, nil, nil, Entry{}.Source
	if _, err := s.store(ctx, e, key{}); err != nil {
		return err
	}
	if stream, err := s.js.Stream(ctx, "KV_"+alerts.CamerasBucket); err == nil {
		_ = stream.Purge(ctx, onlyLatest(e.Camera)...) // else at the next start
	}
	return nil
}

func onlyLatest(camera string) []jetstream.StreamPurgeOpt {
	return []jetstream.StreamPurgeOpt{
		jetstream.WithPurgeSubject(subjectPrefix + camera), jetstream.WithPurgeKeep(1),
	}
}

func (s *Store) store(ctx context.Context, e Entry, k key) (revision uint64, err error) {
	data, err := e.encode(k)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	for full := false; ; {
		revision, err = s.replace(ctx, e, data)
		if err == nil || errors.Is(err, ErrStale) {
			return revision, err
		}
		if !full && strings.Contains(err.Error(), "maximum bytes") {
			full = true
			s.forgetChanges(ctx)
			continue
		}
		if !retry.Sleep(ctx, retryPause) {
			return 0, fmt.Errorf("store camera %s: %w", e.Camera, err)
		}
	}
}

// forgetChanges makes room in a full bucket: of each camera only the entry is kept, not its earlier ones.
func (s *Store) forgetChanges(ctx context.Context) {
	stream, err := s.js.Stream(ctx, "KV_"+alerts.CamerasBucket)
	if err != nil {
		return
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(subjectPrefix+">"))
	if err != nil {
		return
	}
	for subject := range info.State.Subjects {
		_ = stream.Purge(ctx, onlyLatest(strings.TrimPrefix(subject, subjectPrefix))...) // else the bucket stays full
	}
}

// replace stores data in place of the entry with e's revision.
func (s *Store) replace(ctx context.Context, e Entry, data []byte) (revision uint64, err error) {
	kv, err := s.js.KeyValue(ctx, alerts.CamerasBucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		if kv, err = s.ensure(ctx); err == nil {
			e.Revision = 0 // of a bucket that is gone
		}
	}
	if err != nil {
		return 0, err
	}
	last := e.Revision
	stored, err := kv.Get(ctx, e.Camera)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound) && last != 0:
		return 0, ErrStale
	case errors.Is(err, jetstream.ErrKeyNotFound):
		if revision, err = kv.Create(ctx, e.Camera, data); errors.Is(stale(err), ErrStale) {
			err = s.dropUnreadable(ctx, kv, e.Camera)
			if err == nil {
				revision, err = kv.Create(ctx, e.Camera, data)
			}
		}
		return revision, stale(err)
	case err != nil:
		return 0, err
	case string(stored.Value()) == string(data): // an earlier attempt, of which no answer came
		return stored.Revision(), nil
	}
	if last == 0 { // only what was removed can be there
		old, err := decode(e.Camera, stored.Value(), s.currentKey())
		if err != nil || !old.Removed {
			return 0, ErrStale
		}
		last = stored.Revision()
	}
	revision, err = kv.Update(ctx, e.Camera, data, last)
	return revision, stale(err)
}

// dropUnreadable deletes the messages of a camera if the latest one still cannot be read.
func (s *Store) dropUnreadable(ctx context.Context, kv jetstream.KeyValue, camera string) error {
	if _, err := kv.Get(ctx, camera); !errors.Is(err, jetstream.ErrKeyNotFound) {
		return ErrStale
	}
	stream, err := s.js.Stream(ctx, "KV_"+alerts.CamerasBucket)
	if err != nil {
		return err
	}
	return stream.Purge(ctx, onlyLatest(camera)[:1]...)
}

// stale makes the error of another revision ErrStale.
func stale(err error) error {
	var api *jetstream.APIError
	if errors.Is(err, jetstream.ErrKeyExists) ||
		errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
		return ErrStale
	}
	return err
}

// History returns the latest changes of a camera, the newest last. What cannot be read is left out.
func (s *Store) History(ctx context.Context, camera string) ([]Entry, error) {
	if err := alerts.ValidCamera(camera); err != nil {
		return nil, err
	}
	kv, err := s.js.KeyValue(ctx, alerts.CamerasBucket)
	if err != nil {
		return nil, fmt.Errorf("bucket of cameras: %w", err)
	}
	entries, err := kv.History(ctx, camera)
	if err != nil && !errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, fmt.Errorf("bucket of cameras: %w", err)
	}
	var all []Entry
	for _, stored := range entries {
		if e, err := decode(camera, stored.Value(), s.currentKey()); err == nil {
			e.Revision = stored.Revision()
			all = append(all, e)
		}
	}
	return all, nil
}
