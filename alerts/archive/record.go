package archive

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"vigil/alerts"
	"vigil/alerts/evidence"
)

// Record is everything stored about one alert. It is used by one goroutine.
type Record struct {
	Alert    json.RawMessage   `json:"alert"`    // the data of the last message
	Messages []json.RawMessage `json:"messages"` // CloudEvents, in order
	Evidence []Object          `json:"evidence"` // existing objects
	Ack      *alerts.Ack       `json:"ack,omitempty"`

	Last       alerts.Alert `json:"-"` // the last message
	Unreadable []string     `json:"-"` // names of unreadable objects
	// Read returns the contents of a piece of Evidence.
	Read func(ctx context.Context, o Object) ([]byte, error) `json:"-"`

	reader *evidence.Reader
	pieces []evidence.Piece
}

// Object is a piece of evidence in the object store.
type Object struct {
	Bucket    string `json:"bucket"`
	Name      string `json:"name"`
	MediaType string `json:"media_type"`
	Bytes     uint64 `json:"bytes"`
	SHA256    string `json:"sha256"`
}

// Show returns the record of the alert that text identifies, see Resolve. With an error there may be a partial record.
func (a *Archive) Show(ctx context.Context, text, camera string) (*Record, error) {
	id, err := a.Resolve(ctx, text, camera)
	if err != nil {
		return nil, err
	}
	found, err := a.Messages(ctx, id)
	if err != nil {
		return nil, err
	}
	r := &Record{Evidence: []Object{}, reader: evidence.NewReader(a.conn.JetStream())}
	r.Read = func(ctx context.Context, o Object) ([]byte, error) { return r.reader.Read(ctx, o.Bucket, o.Name) }
	var messages []alerts.Alert
	for _, m := range found {
		r.Messages = append(r.Messages, m.Raw)
		messages = append(messages, m.Alert)
		r.Last = m.Alert
	}
	if r.Alert, err = found[len(found)-1].Data(); err != nil {
		return nil, err
	}
	if r.pieces, err = r.reader.Of(ctx, messages...); err != nil {
		return nil, err
	}
	r.Unreadable = r.reader.Damaged()
	for _, p := range r.pieces {
		sum, err := evidence.DigestOf(p.Info.Digest)
		if err != nil {
			return nil, fmt.Errorf("object %s: %w", p.Info.Name, err)
		}
		r.Evidence = append(r.Evidence, Object{
			p.Bucket, p.Info.Name, p.MediaType(), p.Info.Size, hex.EncodeToString(sum),
		})
	}
	acks, err := a.openAcks(ctx)
	if err == nil {
		r.Ack, err = acks.of(ctx, id)
	}
	return r, err
}

// Evidence returns an object of a record after checking its digest.
func (a *Archive) Evidence(ctx context.Context, bucket, name string) ([]byte, error) {
	return evidence.NewReader(a.conn.JetStream()).Read(ctx, bucket, name)
}
