package api

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// large is a system whose evidence has so many bytes, and is read only when the test says so.
type large struct {
	*gates
	bytes uint64
	read  atomic.Int32
	wait  chan struct{}
}

func (l *large) Alert(ctx context.Context, id string) (StoredAlert, error) {
	a, err := l.gates.Alert(ctx, id)
	for i := range a.Evidence {
		a.Evidence[i].Bytes = l.bytes
	}
	return a, err
}

func (l *large) Evidence(ctx context.Context, id string, e EvidenceFile) ([]byte, error) {
	l.read.Add(1)
	<-l.wait
	return l.gates.Evidence(ctx, id, e)
}

// Evidence is read for a client that has none of it, and of one client only so much at a time.
func TestEvidenceInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &large{gates: &gates{revision: 1}, bytes: evidenceOfClient / 2, wait: make(chan struct{})}
		h := open(t, l, anonymous)
		path := fmt.Sprintf("%s/%s/evidence/clip-1.mp4", alertsPath, ids[0])
		head := ask(t, h, "HEAD", path, "")
		if head.Code != http.StatusOK || head.Header().Get("Content-Length") != fmt.Sprint(l.bytes) {
			t.Errorf("HEAD: %d %v", head.Code, head.Header())
		}
		for _, match := range []string{head.Header().Get("ETag"), `"x", ` + head.Header().Get("ETag"), "*"} {
			if w := ask(t, h, "GET", path, "", "If-None-Match", match); w.Code != http.StatusNotModified {
				t.Errorf("If-None-Match %s: %d", match, w.Code)
			}
		}
		if n := l.read.Load(); n != 0 {
			t.Errorf("read %d times for clients that need nothing of it", n)
		}
		answers := make([]*httptest.ResponseRecorder, 3)
		var asked sync.WaitGroup
		for i := range answers {
			asked.Go(func() { answers[i] = ask(t, h, "GET", path, "") })
			synctest.Wait()
		}
		if n := l.read.Load(); n != 2 {
			t.Errorf("read %d times at once", n)
		}
		var others sync.WaitGroup
		others.Go(func() {
			r := httptest.NewRequestWithContext(t.Context(), "GET", "http://localhost"+path, nil)
			r.RemoteAddr = "10.0.0.8:1"
			h.ServeHTTP(httptest.NewRecorder(), r)
		})
		synctest.Wait()
		if n := l.read.Load(); n != 3 {
			t.Errorf("another client waits for the first: read %d times", n)
		}
		// The third is refused when it has waited; the others go on.
		time.Sleep(2 * evidenceWait)
		synctest.Wait()
		close(l.wait)
		asked.Wait()
		others.Wait()
		if answers[0].Code != 200 || answers[1].Code != 200 || answers[2].Code != http.StatusTooManyRequests ||
			answers[2].Header().Get("Retry-After") == "" || answers[0].Body.String() != clip {
			t.Errorf("answers %d, %d and %d", answers[0].Code, answers[1].Code, answers[2].Code)
		}
		if w := ask(t, h, "GET", path, ""); w.Code != 200 {
			t.Errorf("afterwards: %d", w.Code)
		}
	})
}
