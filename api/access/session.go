package access

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// The limits of sessions. Their times are those of the monotonic clock, so that a change of the wall clock neither ends
// nor extends one. A session is only in memory: a restart ends all of them.
const (
	sessionIdle    = 12 * time.Hour
	sessionLongest = 7 * 24 * time.Hour
	maxSessions    = 1024
	// maxOfUser is how many a user has; a further one takes the place of that user's oldest.
	maxOfUser = 16
)

// session is a login.
type session struct {
	userID      string // of a user; "" after a one-time address
	user        string
	began, used time.Time
}

func (s session) over(now time.Time) bool {
	return now.Sub(s.began) >= sessionLongest || now.Sub(s.used) >= sessionIdle
}

// sessions are the logins, by the digests of their cookies.
type sessions struct {
	mu  sync.Mutex
	all map[digest]session
}

// begin replaces the session of a cookie, if any, with a new one, and returns its cookie.
func (s *sessions) begin(old, userID, user string) (secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	delete(s.all, digestOf(old))
	s.forgetOf(userID)
	if len(s.all) >= maxSessions {
		s.forget(now)
	}
	secret = newSecret()
	s.all[digestOf(secret)] = session{userID, user, now, now}
	return secret
}

// forgetOf drops a user's session that was used least recently, if there are too many.
func (s *sessions) forgetOf(userID string) {
	var oldest digest
	var last time.Time
	n := 0
	for key, one := range s.all {
		if one.userID != userID {
			continue
		}
		if n++; n == 1 || one.used.Before(last) {
			oldest, last = key, one.used
		}
	}
	if userID != "" && n >= maxOfUser {
		delete(s.all, oldest)
	}
}

// forget drops the sessions that are over, and if there are too many others, the one that was used least recently.
func (s *sessions) forget(now time.Time) {
	var oldest digest
	last := now
	for key, one := range s.all {
		if one.over(now) {
			delete(s.all, key)
		} else if !one.used.After(last) {
			oldest, last = key, one.used
		}
	}
	if len(s.all) >= maxSessions {
		delete(s.all, oldest)
	}
}

// find returns the session of a cookie, and notes its use.
func (s *sessions) find(secret string, use bool) (session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key, now := digestOf(secret), time.Now()
	one, ok := s.all[key]
	if ok && one.over(now) {
		delete(s.all, key)
		return session{}, false
	}
	if ok && use {
		one.used = now
		s.all[key] = one
	}
	return one, ok
}

func (s *sessions) end(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, digestOf(secret))
}

// cookieName has the port in it, since browsers send the cookies of a host to all of its ports: two vigils on a machine
// do not end each other's sessions. With TLS it has the prefix with which browsers insist on TLS, this host and all
// paths.
func cookieName(tls bool, host string) string {
	name := "vigil-session"
	if _, port, err := net.SplitHostPort(host); err == nil {
		name += "-" + port
	}
	if tls {
		return "__Host-" + name
	}
	return name
}

// cookie returns the cookie of a session at a host; an empty secret deletes it.
func cookie(tls bool, host, secret string) *http.Cookie {
	c := &http.Cookie{
		Name: cookieName(tls, host), Value: secret, Path: "/", HttpOnly: true, Secure: tls,
		SameSite: http.SameSiteStrictMode,
	}
	if secret == "" {
		c.MaxAge = -1
	}
	return c
}
