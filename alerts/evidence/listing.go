package evidence

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/internal/errcode"
)

const (
	// requestTimeout bounds one request to a server.
	requestTimeout = 5 * time.Second
	// idBytes is the length of a name prefix, an alert's id and a slash, that base64 maps to a fixed prefix.
	idBytes = 27
)

// headSubject is the prefix of the subjects of a bucket's object headers.
func headSubject(bucket string) string { return "$O." + bucket + ".M." }

// listing is the readable content of a bucket.
type listing struct {
	infos   []*jetstream.ObjectInfo
	damaged []string // names of objects with unreadable headers
}

// listObjects requests the header of each object whose name has the prefix beginning, which is empty or an alert's id
// with a slash. It requests one after the other by name: a watch, as in the client's List, waits forever at one that
// the server cannot read.
func listObjects(ctx context.Context, s jetstream.Stream, bucket, beginning string) (l listing, err error) {
	asking, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	info, err := s.Info(asking, jetstream.WithSubjectFilter(headSubject(bucket)+">"))
	if err != nil {
		return l, fmt.Errorf("object store %s: %w", bucket, err)
	}
	encoded := ""
	if len(beginning) == idBytes {
		encoded = base64.URLEncoding.EncodeToString([]byte(beginning))
	}
	for subject := range info.State.Subjects {
		coded := strings.TrimPrefix(subject, headSubject(bucket))
		name, err := base64.URLEncoding.DecodeString(coded)
		if err != nil || !strings.HasPrefix(coded, encoded) || !strings.HasPrefix(string(name), beginning) {
			continue
		}
		i, err := fetchHead(ctx, s, subject)
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
			if isStored(ctx, s, subject) {
				l.damaged = append(l.damaged, string(name))
			}
		case err != nil:
			return l, fmt.Errorf("object store %s: %w", bucket, err)
		case i == nil:
			l.damaged = append(l.damaged, string(name))
		case !i.Deleted:
			l.infos = append(l.infos, i)
		}
	}
	return l, nil
}

// fetchHead is nil if the stored message is not an object header.
func fetchHead(ctx context.Context, s jetstream.Stream, subject string) (*jetstream.ObjectInfo, error) {
	asking, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	m, err := s.GetLastMsgForSubject(asking, subject)
	if err != nil {
		return nil, err
	}
	var i jetstream.ObjectInfo
	if err := json.Unmarshal(m.Data, &i); err != nil {
		return nil, nil //nolint:nilerr,nilnil // see above
	}
	i.ModTime = m.Time
	return &i, nil
}

// isStored reports whether the server counts a message of a subject that it did not return, so that it is unreadable.
func isStored(ctx context.Context, s jetstream.Stream, subject string) bool {
	asking, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	info, err := s.Info(asking, jetstream.WithSubjectFilter(subject))
	return err == nil && info.State.Subjects[subject] > 0
}

// readObject reads an object part by part and checks its digest. The client's reader requests all at once, and at a
// part that the server cannot read it waits for its timeout.
func readObject(ctx context.Context, b jetstream.ObjectStore, s jetstream.Stream, bucket, name string) ([]byte, error) {
	asking, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	info, err := b.GetInfo(asking, name)
	if err != nil {
		return nil, err
	}
	var data []byte
	for seq := uint64(0); uint64(len(data)) < info.Size; {
		m, err := fetchChunk(ctx, s, chunkSubject(bucket, info.NUID), seq+1)
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
			return nil, fmt.Errorf("is damaged: of %d bytes only the first %d can be read", info.Size, len(data))
		case err != nil:
			return nil, err
		}
		data, seq = append(data, m.Data...), m.Sequence
	}
	want, err := DigestOf(info.Digest)
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(data); !bytes.Equal(sum[:], want) {
		return nil, errcode.EvidenceDamaged.Wrap(errors.New("is damaged: its digest is not that of its contents"))
	}
	return data, nil
}

func fetchChunk(ctx context.Context, s jetstream.Stream, subject string, from uint64) (*jetstream.RawStreamMsg, error) {
	asking, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return s.GetMsg(asking, from, jetstream.WithGetMsgSubject(subject))
}
