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

// Piece is an object that is kept of an alert.
type Piece struct {
	Bucket string
	Info   *jetstream.ObjectInfo
}

// MediaType is the type of its contents, as image/jpeg.
func (p Piece) MediaType() string { return p.Info.Headers.Get("Content-Type") }

// Reader reads evidence on a server and makes nothing there. It asks for each bucket once, and belongs to one
// goroutine.
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

// Damaged gives the names of the objects whose heads could not be read so far.
func (r *Reader) Damaged() []string { return r.damaged }

// NewReader makes a Reader.
func NewReader(js jetstream.JetStream) *Reader {
	return &Reader{js: js, opened: map[string]*bucket{}}
}

// bucket is nil where there is none of that name.
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

// Of gives what is kept of an alert, given its messages: what lies in the buckets that they name, in that of a vigil
// that copies nothing, and what was kept to learn from, the oldest first and each name once. Where something that they
// name is in none of these, it looks in those of all vigils: a message that was stored before its vigil had a bucket
// of its own over there names another.
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

// listTimeout bounds the question for all buckets, which a server may not answer to everybody.
const listTimeout = 3 * time.Second

// allBuckets are the buckets of all vigils that copy to this server; none where they may not be asked for.
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

// Names lists what a bucket has of an alert, the oldest first; nothing where there is no bucket.
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

// Read gives an object of a bucket, whole; its digest is checked on the way.
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

// DigestOf reads the digest of an object, SHA-256=<base64url>, which the object store keeps of each.
func DigestOf(digest string) ([]byte, error) {
	text, ok := strings.CutPrefix(digest, "SHA-256=")
	sum, err := base64.URLEncoding.DecodeString(text)
	if !ok || err != nil || len(sum) != sha256.Size {
		return nil, fmt.Errorf("digest %q is not SHA-256", digest)
	}
	return sum, nil
}
