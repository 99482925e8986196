package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"vigil/api"
	"vigil/internal/errcode"
	"vigil/internal/retry"
)

const (
	// eventSilence is how long a stream of events may be silent: a vigil sends something every 15 s.
	eventSilence = time.Minute
	// maxEvent bounds an event in bytes.
	maxEvent = 1 << 20
	// firstReturn is the pause before a stream that broke is asked for again, and longestReturn that after many breaks.
	firstReturn   = time.Second
	longestReturn = 30 * time.Second
)

// Event is an event of a stream. One without a Kind says how far the stream is.
type Event struct {
	ID   string // of alerts: where a later stream goes on
	Kind api.EventKind
	Data []byte
}

// Events calls each for the events that a query selects, until ctx ends or each returns an error, which it returns. A
// stream that breaks is asked for again, and goes on behind its last alert; lost is called with the reason. A refusal
// is an error.
func (c *Client) Events(ctx context.Context, query url.Values, lost func(error), each func(Event) error) error {
	last := ""
	for pause := (retry.Backoff{First: firstReturn, Max: longestReturn}); ; {
		err := c.stream(ctx, query, &last, func(e Event) error {
			pause.Reset()
			return each(e)
		})
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // It was asked to end.
		case !errors.As(err, new(brokenStream)) && (last == "" || !passes(err)):
			return err
		}
		lost(err)
		if !pause.Wait(ctx) {
			return nil
		}
	}
}

// passes reports whether an error is one of a vigil that is away, or busy.
func passes(err error) bool {
	switch errcode.Of(err) {
	case errcode.ServerUnreachable, errcode.StoreNotRunning, errcode.ServerBusy:
		return true
	}
	return false
}

// brokenStream is the error of a stream that ended by itself.
type brokenStream struct{ error }

func (b brokenStream) Unwrap() error { return b.error }

// stream reads one stream, and keeps its last id.
func (c *Client) stream(ctx context.Context, query url.Values, last *string, each func(Event) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	res, err := c.send(ctx, request{method: http.MethodGet, path: "/events?" + query.Encode(), lastEvent: *last})
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if mediaType(res) != "text/event-stream" {
		return c.notVigil(res, nil)
	}
	silent := time.AfterFunc(eventSilence, cancel)
	defer silent.Stop()
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, maxEvent)
	e := Event{}
	for lines.Scan() {
		silent.Reset(eventSilence)
		name, value, _ := bytes.Cut(lines.Bytes(), []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "id":
			e.ID = string(value)
		case "event":
			e.Kind = api.EventKind(value)
		case "data":
			e.Data = append(e.Data, value...)
		case "": // the end of an event, or a comment
			if len(lines.Bytes()) > 0 || e.ID == "" && e.Kind == "" {
				continue
			}
			if err := each(e); err != nil {
				return err
			}
			if e.ID != "" { // one that came only in part is asked for again
				*last = e.ID
			}
			e = Event{}
		}
	}
	if err = lines.Err(); err == nil {
		err = io.EOF
	}
	return brokenStream{fmt.Errorf("the events of %s ended: %w", c.where, err)}
}
