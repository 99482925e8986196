package evidence

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
)

// Piece is a stored object of an alert.
type Piece struct {
	Bucket string
	Info   *jetstream.ObjectInfo
}

// MediaType is the type of its content, such as image/jpeg.
func (p Piece) MediaType() string { return p.Info.Headers.Get("Content-Type") }

// Reader reads evidence on a server and creates nothing. It opens each bucket once, and is used by one goroutine.
type Reader struct {
	js      jetstream.JetStream
	opened  map[string]*bucket
	damaged []string
}

// bucket is an object store and the stream behind it.
type bucket struct {
	objects jetstream.ObjectStore
	stream  jetstream.Stream
}

// Damaged returns the names of the objects whose headers could not be read so far.
func (r *Reader) Damaged() []string { return r.damaged }

// NewReader returns a Reader.
func NewReader(js jetstream.JetStream) *Reader {
	return &Reader{js: js, opened: map[string]*bucket{}}
}

// bucket is nil if there is no bucket of that name.
func (r *Reader) bucket(ctx context.Context, name string) (*bucket, error) {
	if b, ok := r.opened[name]; ok {
		return b, nil
	}
	objects, err := r.js.ObjectStore(ctx, name)
	var stream jetstream.Stream
	if err == nil {
		stream, err = r.js.Stream(ctx, streamOf(name))
	}
	switch {
	case errors.Is(err, jetstream.ErrBucketNotFound), errors.Is(err, jetstream.ErrStreamNotFound):
		return nil, nil //nolint:nilnil // see above; it may come later
	case err != nil:
		return nil, fmt.Errorf("object store %s: %w", name, err)
	}
	b := &bucket{objects, stream}
	r.opened[name] = b
	return b, nil
}

// Of returns the stored objects of an alert, given its messages: those in the buckets that they name, in that of a
// vigil that copies nothing, and the collected training samples, the oldest first and each name once. If an object that
// they name is in none of these, the buckets of all vigils are searched: a message stored before its vigil had a bucket
// of its own on that server names another one.
func (r *Reader) Of(ctx context.Context, messages ...alerts.Alert) ([]Piece, error) {
	if len(messages) == 0 {
		return nil, nil
	}
	var buckets []string
	add := func(name string) {
		if !slices.Contains(buckets, name) {
			buckets = append(buckets, name)
		}
	}
	for _, a := range messages {
		for _, e := range a.Evidence {
			add(e.Bucket)
		}
		for _, e := range a.EvidencePending {
			add(e.Bucket)
		}
	}
	add(Bucket)
	add(alerts.TrainingBucket)
	var all []Piece
	seen := map[string]bool{}
	look := func(buckets []string) error {
		for _, bucket := range buckets {
			infos, err := r.Names(ctx, bucket, messages[0].ID)
			if err != nil {
				return err
			}
			for _, i := range infos {
				if !seen[i.Name] {
					seen[i.Name] = true
					all = append(all, Piece{bucket, i})
				}
			}
		}
		return nil
	}
	if err := look(buckets); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(messages, func(a alerts.Alert) bool {
		return slices.ContainsFunc(a.Evidence, func(e alerts.Evidence) bool { return !seen[e.Name] })
	}) {
		return all, nil
	}
	return all, look(slices.DeleteFunc(r.allBuckets(ctx),
		func(name string) bool { return slices.Contains(buckets, name) }))
}

// listTimeout bounds the request for all buckets, which a server may refuse silently.
const listTimeout = 3 * time.Second

// allBuckets are the buckets of all vigils that copy to this server; none if listing is not permitted.
func (r *Reader) allBuckets(ctx context.Context) (names []string) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	for name := range r.js.ObjectStoreNames(ctx).Name() {
		if strings.HasPrefix(name, BucketOf("")) {
			names = append(names, name)
		}
	}
	return names
}

// Names lists the objects of an alert in a bucket, the oldest first; none if there is no bucket.
func (r *Reader) Names(ctx context.Context, bucket, alertID string) ([]*jetstream.ObjectInfo, error) {
	b, err := r.bucket(ctx, bucket)
	if b == nil || err != nil {
		return nil, err
	}
	l, err := listObjects(ctx, b.stream, bucket, alertID+"/")
	if err != nil {
		return nil, err
	}
	r.damaged = append(r.damaged, l.damaged...)
	all := l.infos
	slices.SortFunc(all, func(a, b *jetstream.ObjectInfo) int { return a.ModTime.Compare(b.ModTime) })
	return all, nil
}

// Read returns a whole object of a bucket after checking its digest.
func (r *Reader) Read(ctx context.Context, bucket, name string) ([]byte, error) {
	b, err := r.bucket(ctx, bucket)
	if err != nil {
		return nil, err
	}
	if b == nil {
		return nil, fmt.Errorf("object store %s: %w", bucket, jetstream.ErrBucketNotFound)
	}
	data, err := readObject(ctx, b.objects, b.stream, bucket, name)
	if err != nil {
		return nil, fmt.Errorf("object %s of %s: %w", name, bucket, err)
	}
	return data, nil
}

// DigestOf parses the digest of an object, SHA-256=<base64url>, as the object store has it.
func DigestOf(digest string) ([]byte, error) {
	text, ok := strings.CutPrefix(digest, "SHA-256=")
	sum, err := base64.URLEncoding.DecodeString(text)
	if !ok || err != nil || len(sum) != sha256.Size {
		return nil, fmt.Errorf("digest %q is not SHA-256", digest)
	}
	return sum, nil
}
