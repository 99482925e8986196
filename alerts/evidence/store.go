package evidence

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Bucket is the name of the object store of evidence.
const Bucket = "VIGIL_EVIDENCE"

// Limits bound the stored evidence.
type Limits struct {
	Bytes int64         // of all objects; the oldest are deleted
	Age   time.Duration // of an object; 0 for unlimited
}

// BucketOf returns the name of the bucket on a server that several vigils may copy evidence to: each has its own, by
// the id of its data directory, since each applies its own limits and deletes its unfinished uploads.
func BucketOf(instance string) string { return Bucket + "_" + instance }

// Store stores evidence in an object store of NATS, within limits. It must be the only writer of its bucket. An object
// that was incomplete when the process ended is deleted at the next opening.
type Store struct {
	name   string
	limits Limits
	now    func() time.Time

	mu      sync.Mutex
	bucket  jetstream.ObjectStore
	stream  jetstream.Stream // behind the bucket
	kept    []object         // the oldest first
	bytes   int64
	damaged []string

	// keptCount and keptBytes are len(kept) and bytes for Size, which does not wait while an object is stored.
	keptCount, keptBytes atomic.Int64
}

// Damaged returns the names of the objects that were incomplete when the bucket was opened.
func (o *Store) Damaged() []string { return o.damaged }

type object struct {
	name, id string
	bytes    int64
	at       time.Time
	parts    uint32 // 0 if unknown
}

// bucketSlack is the space of the stream behind a bucket in addition to the objects: message headers, and deleted data
// that is not overwritten yet. An object store refuses writes above its limit, so that must never be reached.
const bucketSlack = 32 << 20

// streamBytes is the limit of the stream behind a bucket.
func (l Limits) streamBytes() int64 { return l.Bytes/4*5 + bucketSlack }

// OpenObjects opens the bucket on this machine's own server, like OpenBucket.
func OpenObjects(ctx context.Context, js jetstream.JetStream, limits Limits) (*Store, error) {
	return OpenBucket(ctx, js, Bucket, limits)
}

// OpenBucket opens a bucket, creates it if missing, and adjusts its limits.
func OpenBucket(ctx context.Context, js jetstream.JetStream, name string, limits Limits) (*Store, error) {
	o, err := openBucket(ctx, js, name, limits)
	if isMissing(err) {
		if _, err := js.CreateOrUpdateObjectStore(ctx, jetstream.ObjectStoreConfig{
			Bucket: name, Description: "Evidence of vigil's alerts", Storage: jetstream.FileStorage,
			MaxBytes: limits.streamBytes(),
		}); err != nil {
			return nil, fmt.Errorf("object store %s of %d MiB: %w", name, limits.streamBytes()>>20, err)
		}
		o, err = openBucket(ctx, js, name, limits)
	}
	if err != nil {
		return nil, err
	}
	if err := o.purgeOrphans(ctx); err != nil {
		return nil, err
	}
	return o, o.resize(ctx, js)
}

// openBucket opens an existing bucket and lists its objects.
func openBucket(ctx context.Context, js jetstream.JetStream, name string, limits Limits) (*Store, error) {
	o := &Store{name: name, limits: limits, now: time.Now}
	var err error
	if o.bucket, err = js.ObjectStore(ctx, name); err != nil {
		return nil, fmt.Errorf("object store %s: %w", name, err)
	}
	if o.stream, err = js.Stream(ctx, streamOf(name)); err != nil {
		return nil, fmt.Errorf("object store %s: %w", name, err)
	}
	return o, o.list(ctx)
}

// resize sets the size of the stream behind the bucket according to the limits. Data above smaller limits is deleted
// first, and other settings stay as they are, including a stream without a limit.
func (o *Store) resize(ctx context.Context, js jetstream.JetStream) error {
	cfg := o.stream.CachedInfo().Config
	want := o.limits.streamBytes()
	if cfg.MaxBytes <= 0 || cfg.MaxBytes == want {
		return nil
	}
	if want < cfg.MaxBytes {
		if err := o.evict(ctx, o.limits.Bytes); err != nil {
			return err
		}
	}
	was := cfg.MaxBytes
	cfg.MaxBytes = want
	stream, err := js.UpdateStream(ctx, cfg)
	if err != nil {
		return fmt.Errorf("object store %s: change its size from %d to %d MiB: %w", o.name, was>>20, want>>20, err)
	}
	o.stream = stream
	return nil
}

// Bucket returns the bucket's name.
func (o *Store) Bucket() string { return o.name }

func (o *Store) list(ctx context.Context) error {
	l, err := listObjects(ctx, o.stream, o.name, "")
	if err != nil {
		return err
	}
	o.damaged = l.damaged
	for _, i := range l.infos {
		o.kept = append(o.kept, object{i.Name, i.NUID, int64(i.Size), i.ModTime, i.Chunks})
		o.bytes += int64(i.Size)
	}
	slices.SortFunc(o.kept, func(a, b object) int { return a.at.Compare(b.at) })
	o.resized()
	return nil
}

// purgeOrphans deletes chunks of objects that were never finished.
func (o *Store) purgeOrphans(ctx context.Context) error {
	info, err := o.stream.Info(ctx, jetstream.WithSubjectFilter(chunkSubject(o.name, ">")))
	if err != nil {
		return fmt.Errorf("object store %s: %w", o.name, err)
	}
	whole := map[string]bool{}
	for _, k := range o.kept {
		whole[chunkSubject(o.name, k.id)] = true
		if info.State.Subjects[chunkSubject(o.name, k.id)] < uint64(k.parts) {
			o.damaged = append(o.damaged, k.name)
		}
	}
	for subject := range info.State.Subjects {
		if !whole[subject] {
			if err := o.stream.Purge(ctx, jetstream.WithPurgeSubject(subject)); err != nil {
				return fmt.Errorf("object store %s: %w", o.name, err)
			}
		}
	}
	return nil
}

// Put stores an object after making room for it. It appears once it is complete.
func (o *Store) Put(ctx context.Context, name, mediaType string, data []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if int64(len(data)) > o.limits.Bytes {
		return fmt.Errorf("object %s of %d bytes is larger than all evidence may be (%d)", name, len(data),
			o.limits.Bytes)
	}
	if err := o.evict(ctx, o.limits.Bytes-int64(len(data))); err != nil {
		return err
	}
	info, err := o.bucket.Put(ctx, jetstream.ObjectMeta{
		Name: name, Headers: map[string][]string{"Content-Type": {mediaType}},
	}, bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("object %s: %w", name, err)
	}
	o.drop(slices.IndexFunc(o.kept, func(k object) bool { return k.name == name }))
	o.kept = append(o.kept, object{name, info.NUID, int64(len(data)), o.now(), info.Chunks})
	o.bytes += int64(len(data))
	o.resized()
	return nil
}

// Expire deletes objects that are too old.
func (o *Store) Expire(ctx context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.evict(ctx, o.limits.Bytes)
}

// Reclaim deletes about so many bytes, the oldest objects first.
func (o *Store) Reclaim(ctx context.Context, bytes int64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.evict(ctx, max(0, o.bytes-bytes))
}

// Size returns the number of objects and their bytes.
func (o *Store) Size() (objects int, bytes int64) {
	return int(o.keptCount.Load()), o.keptBytes.Load()
}

// resized records a change of kept and bytes. o.mu is held.
func (o *Store) resized() {
	o.keptCount.Store(int64(len(o.kept)))
	o.keptBytes.Store(o.bytes)
}

// evict deletes the oldest objects until all are young enough and at most bytes in total. o.mu is held.
func (o *Store) evict(ctx context.Context, bytes int64) error {
	for len(o.kept) > 0 && (o.bytes > bytes || o.limits.Age > 0 && o.now().Sub(o.kept[0].at) > o.limits.Age) {
		if err := o.remove(ctx, o.kept[0]); err != nil {
			return fmt.Errorf("delete evidence %s: %w", o.kept[0].name, err)
		}
		o.drop(0)
	}
	return nil
}

func (o *Store) drop(i int) {
	if i >= 0 {
		o.bytes -= o.kept[i].bytes
		o.kept = slices.Delete(o.kept, i, i+1)
		o.resized()
	}
}

// remove deletes an object completely; the client's Delete would leave a marker forever. The name is deleted first: an
// object without a name is deleted at the next start, while a name without its object would be broken.
func (o *Store) remove(ctx context.Context, k object) error {
	meta := "$O." + o.name + ".M." + base64.URLEncoding.EncodeToString([]byte(k.name))
	if err := o.stream.Purge(ctx, jetstream.WithPurgeSubject(meta)); err != nil {
		return err
	}
	return o.stream.Purge(ctx, jetstream.WithPurgeSubject(chunkSubject(o.name, k.id)))
}

func streamOf(bucket string) string { return "OBJ_" + bucket }

func chunkSubject(bucket, id string) string { return "$O." + bucket + ".C." + id }
