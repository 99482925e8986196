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
	// requestTimeout bounds one question to a server.
	requestTimeout = 5 * time.Second
	// idBytes is a length of names' beginnings, an alert's id and a slash, that base64 maps to a beginning of its own.
	idBytes = 27
)

// headSubject is the beginning of the subjects that a bucket's heads are stored under.
func headSubject(bucket string) string { return "$O." + bucket + ".M." }

// listing is what a bucket has, as far as it can be read.
type listing struct {
	infos   []*jetstream.ObjectInfo
	damaged []string // names of objects whose heads cannot be read
}

// listObjects asks for the head of each object whose name begins so, which is empty or an alert's id with a slash. It
// asks for one after the other by its name: a watcher, as the client's own List has it, waits for ever before one that
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

// fetchHead is nil where what is stored is no head of an object.
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

// isStored says whether the server counts a message of a subject that it did not give: then it cannot read it.
func isStored(ctx context.Context, s jetstream.Stream, subject string) bool {
	asking, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	info, err := s.Info(asking, jetstream.WithSubjectFilter(subject))
	return err == nil && info.State.Subjects[subject] > 0
}

// readObject reads an object, a part at a time, and checks its digest. The client's own reader asks for all of it at
// once, and for a part that the server cannot read it waits until its time is over.
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
