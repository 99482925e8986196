package evidence

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Bucket is the name of the object store that evidence is kept in.
const Bucket = "VIGIL_EVIDENCE"

// Limits bound what is kept.
type Limits struct {
	Bytes int64         // of all objects; the oldest go
	Age   time.Duration // of an object; 0 for any
}

// Objects keeps evidence in an object store of NATS, within limits. It must be the only one that writes to its bucket on that server, but for
// others like it, which then share the limits. An object that was cut off by the end of a process is removed when it is opened again.
type Objects struct {
	js     jetstream.JetStream
	limits Limits
	now    func() time.Time

	mu     sync.Mutex
	bucket jetstream.ObjectStore
	kept   []object // the oldest first
	bytes  int64
}

type object struct {
	name, id string
	bytes    int64
	at       time.Time
}

// bucketSlack is what the stream behind a bucket takes above the objects: heads of messages, and what was let go and is not yet
// written over. An object store refuses what is above its limit, so that must never be reached.
const bucketSlack = 32 << 20

// OpenObjects opens the bucket, and makes it where it is missing.
func OpenObjects(ctx context.Context, js jetstream.JetStream, limits Limits) (*Objects, error) {
	o := &Objects{js: js, limits: limits, now: time.Now}
	var err error
	o.bucket, err = js.ObjectStore(ctx, Bucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) {
		o.bucket, err = js.CreateOrUpdateObjectStore(ctx, jetstream.ObjectStoreConfig{
			Bucket: Bucket, Description: "Evidence of vigil's alerts", Storage: jetstream.FileStorage, MaxBytes: limits.Bytes/4*5 + bucketSlack,
		})
	}
	if err != nil {
		return nil, fmt.Errorf("object store %s: %w", Bucket, err)
	}
	if err := o.list(ctx); err != nil {
		return nil, err
	}
	return o, o.sweep(ctx)
}

// Bucket is the bucket's name.
func (*Objects) Bucket() string { return Bucket }

func (o *Objects) list(ctx context.Context) error {
	infos, err := o.bucket.List(ctx)
	if err != nil && !errors.Is(err, jetstream.ErrNoObjectsFound) {
		return fmt.Errorf("object store %s: %w", Bucket, err)
	}
	for _, i := range infos {
		o.kept = append(o.kept, object{i.Name, i.NUID, int64(i.Size), i.ModTime})
		o.bytes += int64(i.Size)
	}
	slices.SortFunc(o.kept, func(a, b object) int { return a.at.Compare(b.at) })
	return nil
}

// sweep removes parts of objects that were never finished.
func (o *Objects) sweep(ctx context.Context) error {
	s, err := o.js.Stream(ctx, streamOf(Bucket))
	if err != nil {
		return fmt.Errorf("object store %s: %w", Bucket, err)
	}
	info, err := s.Info(ctx, jetstream.WithSubjectFilter(chunks(Bucket, ">")))
	if err != nil {
		return fmt.Errorf("object store %s: %w", Bucket, err)
	}
	whole := map[string]bool{}
	for _, k := range o.kept {
		whole[chunks(Bucket, k.id)] = true
	}
	for subject := range info.State.Subjects {
		if !whole[subject] {
			if err := s.Purge(ctx, jetstream.WithPurgeSubject(subject)); err != nil {
				return fmt.Errorf("object store %s: %w", Bucket, err)
			}
		}
	}
	return nil
}

// Put keeps an object, once there is room for it. It appears when all of it is there.
func (o *Objects) Put(ctx context.Context, name, mediaType string, data []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if int64(len(data)) > o.limits.Bytes {
		return fmt.Errorf("object %s of %d bytes is larger than all evidence may be (%d)", name, len(data), o.limits.Bytes)
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
	o.kept = append(o.kept, object{name, info.NUID, int64(len(data)), o.now()})
	o.bytes += int64(len(data))
	return nil
}

// Tidy lets go what is too old.
func (o *Objects) Tidy(ctx context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.evict(ctx, o.limits.Bytes)
}

// Free lets about so many bytes go, the oldest objects first.
func (o *Objects) Free(ctx context.Context, bytes int64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.evict(ctx, max(0, o.bytes-bytes))
}

// Size gives the number of objects and their bytes.
func (o *Objects) Size() (objects int, bytes int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.kept), o.bytes
}

// evict lets the oldest objects go until the rest is young enough and of at most so many bytes. o.mu is held.
func (o *Objects) evict(ctx context.Context, bytes int64) error {
	for len(o.kept) > 0 && (o.bytes > bytes || o.limits.Age > 0 && o.now().Sub(o.kept[0].at) > o.limits.Age) {
		if err := o.remove(ctx, o.kept[0]); err != nil {
			return fmt.Errorf("let evidence %s go: %w", o.kept[0].name, err)
		}
		o.drop(0)
	}
	return nil
}

func (o *Objects) drop(i int) {
	if i >= 0 {
		o.bytes -= o.kept[i].bytes
		o.kept = slices.Delete(o.kept, i, i+1)
	}
}

// remove leaves nothing behind, where the client's own Delete would leave a mark for ever. The name goes first: an object without one is
// removed at the next start, a name without its object would be a promise that is not kept.
func (o *Objects) remove(ctx context.Context, k object) error {
	s, err := o.js.Stream(ctx, streamOf(Bucket))
	if err != nil {
		return err
	}
	meta := "$O." + Bucket + ".M." + base64.URLEncoding.EncodeToString([]byte(k.name))
	if err := s.Purge(ctx, jetstream.WithPurgeSubject(meta)); err != nil {
		return err
	}
	return s.Purge(ctx, jetstream.WithPurgeSubject(chunks(Bucket, k.id)))
}

func streamOf(bucket string) string { return "OBJ_" + bucket }

func chunks(bucket, id string) string { return "$O." + bucket + ".C." + id }

// Read gives an object of a bucket, whole; its digest is checked on the way.
func Read(ctx context.Context, js jetstream.JetStream, bucket, name string) ([]byte, error) {
	b, err := js.ObjectStore(ctx, bucket)
	if err != nil {
		return nil, fmt.Errorf("object store %s: %w", bucket, err)
	}
	data, err := b.GetBytes(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("object %s of %s: %w", name, bucket, err)
	}
	return data, nil
}

// DigestOf reads the digest of an object, SHA-256=<base64url>, which the object store keeps of each.
func DigestOf(digest string) ([]byte, error) {
	text, ok := strings.CutPrefix(digest, "SHA-256=")
	sum, err := base64.URLEncoding.DecodeString(text)
	if !ok || err != nil || len(sum) != sha256.Size {
		return nil, fmt.Errorf("digest %q is not SHA-256", digest)
	}
	return sum, nil
}

// Names lists what a bucket has of an alert, the oldest first; nothing where there is no bucket.
func Names(ctx context.Context, js jetstream.JetStream, bucket, alertID string) ([]*jetstream.ObjectInfo, error) {
	b, err := js.ObjectStore(ctx, bucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("object store %s: %w", bucket, err)
	}
	all, err := b.List(ctx)
	if err != nil && !errors.Is(err, jetstream.ErrNoObjectsFound) {
		return nil, fmt.Errorf("object store %s: %w", bucket, err)
	}
	all = slices.DeleteFunc(all, func(i *jetstream.ObjectInfo) bool { return !strings.HasPrefix(i.Name, alertID+"/") })
	slices.SortFunc(all, func(a, b *jetstream.ObjectInfo) int { return a.ModTime.Compare(b.ModTime) })
	return all, nil
}
