//go:build linux && cgo && gocv_videoio

package app

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"vigil/alerts"
	"vigil/api"
	"vigil/internal/alerttest"
)

// eventStream is a stream of a running system.
type eventStream struct {
	*testing.T
	body io.ReadCloser
	in   *bufio.Reader
	id   string // the latest
}

// stream opens a stream at the socket.
func (c *apiClient) stream(query, lastID string) *eventStream {
	c.Helper()
	r, err := http.NewRequestWithContext(alerttest.Within(c.T), http.MethodGet, "http://vigil/api/v1/events"+query, nil)
	if err != nil {
		c.Fatal(err)
	}
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	w, err := c.http.Do(r)
	if err != nil {
		c.Fatal(err)
	}
	if w.StatusCode != http.StatusOK {
		c.Fatal(w.Status)
	}
	s := &eventStream{T: c.T, body: w.Body, in: bufio.NewReader(w.Body)}
	c.Cleanup(s.close)
	return s
}

func (s *eventStream) close() { _ = s.body.Close() }

// next reads the next event into out, and returns its kind; "" at the end of the stream.
func (s *eventStream) next(out any) (kind string) {
	s.Helper()
	for {
		line, err := s.in.ReadString('\n')
		if err != nil {
			return ""
		}
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch name {
		case "id":
			s.id = value
		case "event":
			kind = value
		case "data":
			if err := json.Unmarshal([]byte(value), out); err != nil {
				s.Fatalf("%s: %v", value, err)
			}
			return kind
		}
	}
}

// find reads until an event holds.
func find[T any](s *eventStream, holds func(T) bool) (found T) {
	s.Helper()
	for {
		var e T
		switch {
		case s.next(&e) == "":
			s.Fatal("the stream ended")
		case holds(e):
			return e
		}
	}
}

// Scores come from the pipeline, states from the cameras, also from those that come later, and alerts from the store.
// Streams do not delay the end.
func TestEventsOfARunningSystem(t *testing.T) {
	r := startReloading(t, 1)
	c := r.api()
	s := c.stream("?kind=score", "")
	score := find(s, func(e api.ScoreEvent) bool { return e.Regularity != nil })
	if score.Camera != "c0" || score.Threshold == nil || *score.Threshold != 0.5 || score.Time.IsZero() {
		t.Errorf("%+v", score)
	}
	states := c.stream("?kind=state", "")
	find(states, func(e api.StateEvent) bool {
		return e.Camera == "c0" && e.State == alerts.StateLive &&
			e.Since != nil
	})
	r.write("vigil.yaml", r.yaml(2, nil))
	r.reload()
	find(states, func(e api.StateEvent) bool { return e.Camera == "c1" && e.State == alerts.StateLive })
	find(s, func(e api.ScoreEvent) bool { return e.Camera == "c1" })
	r.write("vigil.yaml", r.yaml(1, nil))
	r.reload()
	find(s, func(e api.ScoreEvent) bool { return e.Camera == "c0" })

	id, seq := alerts.NewID(), 0
	publish := func() {
		t.Helper()
		if err := r.sinks.Publish(alerttest.Within(t),
			alerttest.Event("gone", id, seq, alerts.PhaseUpdate)); err != nil {
			t.Fatal(err)
		}
		seq++
	}
	expect := func(s *eventStream, want int) {
		t.Helper()
		var a alerts.Alert
		if kind := s.next(&a); kind != "alert" || a.ID != id || a.Seq != want {
			t.Fatalf("%q %+v, want the message %d", kind, a, want)
		}
	}
	of := "?kind=alert&camera=gone"
	first := c.stream(of, "")
	publish()
	expect(first, 0)
	last := first.id
	first.close()
	for range 3 {
		publish()
	}
	second := c.stream(of, last)
	for want := 1; want < 4; want++ {
		expect(second, want)
	}
	publish()
	expect(second, 4)
	var page api.AlertList
	c.ask("GET", "/alerts?limit=1&camera=gone", "", "", http.StatusOK, &page)
	if len(page.Alerts) != 1 || !strings.Contains(string(page.Alerts[0].Alert), `"seq":4`) {
		t.Errorf("the list: %+v", page.Alerts)
	}

	r.stop()
	for _, s := range []*eventStream{s, states, second} {
		for s.next(new(any)) != "" {
		}
	}
	err := <-r.ended
	r.ended <- err // for the end of the test
	if log := r.log.String(); strings.Contains(log, "not closed") {
		t.Errorf("the end waited for the streams:\n%s", log)
	}
}
