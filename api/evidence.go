package api

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"vigil/api/access"
	"vigil/api/problem"
	"vigil/internal/errcode"
)

const (
	// evidenceMemory is how many bytes of evidence are in memory at a time, for all requests; a larger piece is alone.
	evidenceMemory = 64 << 20
	// evidenceOfClient is how many of them one login may have, or one address without a login; again a larger piece is
	// alone.
	evidenceOfClient = evidenceMemory / 4
	// evidenceWait is how long a request waits for those before it.
	evidenceWait = 5 * time.Second
	// An answer with evidence may take evidenceTime, and a second more for each evidenceRate bytes.
	evidenceTime = 30 * time.Second
	evidenceRate = 128 << 10
)

// serveEvidence answers with a piece of evidence, or with a part of it. It is read only where that is needed: not for a
// HEAD, and not for a client that has it.
func (s *server) serveEvidence(w http.ResponseWriter, r *http.Request, id string, e EvidenceFile) {
	h := w.Header()
	h.Set("Content-Type", e.MediaType)
	etag := strconv.Quote(e.SHA256)
	h.Set("ETag", etag)
	h.Set("Accept-Ranges", "bytes")
	if has(r.Header.Get("If-None-Match"), etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if r.Method == http.MethodHead {
		h.Set("Content-Length", strconv.FormatUint(e.Bytes, 10))
		return
	}
	weight := int64(min(e.Bytes, evidenceMemory)) //nolint:gosec // It is small.
	waiting, cancel := context.WithTimeout(r.Context(), evidenceWait)
	defer cancel()
	own, release := s.evidenceOf.take(access.Client(r))
	defer release()
	share := min(weight, evidenceOfClient)
	err := own.Acquire(waiting, share)
	if err == nil {
		defer own.Release(share)
		err = s.evidence.Acquire(waiting, weight)
	}
	if err != nil {
		h.Del("ETag")
		h.Set("Retry-After", strconv.Itoa(int(evidenceWait/time.Second)))
		problem.New(http.StatusTooManyRequests, errcode.ServerBusy,
			"too much evidence is being read at once; try again").Write(w)
		return
	}
	defer s.evidence.Release(weight)
	data, err := s.Evidence(r.Context(), id, e)
	if err != nil {
		h.Del("ETag")
		problemOf(err).Write(w)
		return
	}
	took := evidenceTime + time.Duration(len(data)/evidenceRate)*time.Second
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(took)) // that of the server stands if it fails
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

// has reports whether a header with ETags names this one.
func has(header, etag string) bool {
	return slices.ContainsFunc(strings.Split(header, ","), func(one string) bool {
		one = strings.TrimPrefix(strings.TrimSpace(one), "W/")
		return one == etag || one == "*"
	})
}

// shares are the semaphores of the clients that are being answered.
type shares struct {
	mu  sync.Mutex
	all map[string]*share
}

type share struct {
	*semaphore.Weighted
	users int
}

// take returns the semaphore of a client. Each has to be released.
func (s *shares) take(client string) (_ *semaphore.Weighted, release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[string]*share{}
	}
	one := s.all[client]
	if one == nil {
		one = &share{Weighted: semaphore.NewWeighted(evidenceOfClient)}
		s.all[client] = one
	}
	one.users++
	return one.Weighted, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if one.users--; one.users == 0 {
			delete(s.all, client)
		}
	}
}
