package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"testing/synctest"

	"vigil/api"
)

// streams answers each request for events with the next text, and notes what it was asked behind.
type streams struct {
	texts  []string
	behind []string
	status int // of further requests
}

// RoundTrip implements http.RoundTripper.
func (s *streams) RoundTrip(r *http.Request) (*http.Response, error) {
	s.behind = append(s.behind, r.Header.Get("Last-Event-ID"))
	w := httptest.NewRecorder()
	if len(s.texts) == 0 {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(s.status)
		_, _ = io.WriteString(w, `{"code":"access.wrong_login","detail":"revoked"}`)
		return w.Result(), nil
	}
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = io.WriteString(w, s.texts[0])
	s.texts = s.texts[1:]
	return w.Result(), nil
}

// A stream that breaks goes on behind its last alert, and ends when it is refused.
func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &streams{status: http.StatusUnauthorized, texts: []string{
			"retry: 2000\nid: x-1\n\nevent: alert\nid: x-2\ndata: {\"a\":1}\n\n:\n\nevent: alert\nid: x-3\ndata: {",
			"id: x-2\n\n",
			"event: alert\nid: x-3\ndata: {\"a\":2}\n\n",
		}}
		c := &Client{base: "http://vigil", where: "vigil", http: &http.Client{Transport: s}}
		var got []string
		breaks := 0
		err := c.Events(t.Context(), url.Values{"kind": {"alert"}}, func(error) { breaks++ }, func(e Event) error {
			got = append(got, fmt.Sprintf("%s %s %s", e.ID, e.Kind, e.Data))
			return nil
		})
		if err == nil || breaks != 3 {
			t.Errorf("it ended with %v after %d breaks", err, breaks)
		}
		want := []string{"x-1  ", `x-2 alert {"a":1}`, "x-2  ", `x-3 alert {"a":2}`}
		if !slices.Equal(got, want) {
			t.Errorf("events %q, want %q", got, want)
		}
		if behind := []string{"", "x-2", "x-2", "x-3"}; !slices.Equal(s.behind, behind) {
			t.Errorf("asked behind %q, want %q", s.behind, behind)
		}
	})
}

func TestEventsEnd(t *testing.T) {
	text := "event: alert\nid: x-2\ndata: {}\n\n"
	twice := &streams{texts: []string{text, text}}
	c := &Client{base: "http://vigil", where: "vigil", http: &http.Client{Transport: twice}}
	stop := errors.New("enough")
	if err := c.Events(t.Context(), nil, func(error) {}, func(Event) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := c.Events(ctx, nil, func(error) {}, func(e Event) error {
		if e.Kind != api.EventAlert {
			t.Errorf("%+v", e)
		}
		cancel()
		return nil
	}); err != nil {
		t.Errorf("an end that was asked for: %v", err)
	}
}
