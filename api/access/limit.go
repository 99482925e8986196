package access

import (
	"sync"
	"time"

	"vigil/internal/listener"
)

// budget is how many wrong logins there may be: burst at once, then one more each interval.
type budget struct {
	burst    int
	interval time.Duration
}

// The budgets of wrong logins. Those of a user and of the server bound guesses from many addresses; while such an
// attack lasts, honest logins by password may be refused too, but sessions, tokens and the socket go on.
var (
	perAddress = budget{5, 30 * time.Second}
	perUser    = budget{20, 30 * time.Second}
	perServer  = budget{100, 2 * time.Second}
	// perUserRight is of all logins of a user, also right ones: a hash takes a processor core for a while.
	perUserRight = budget{60, 5 * time.Second}
)

// maxTracked bounds the addresses and users that are remembered.
const maxTracked = 4096

// limits count wrong logins. An attempt is charged before the password is checked, so that many at once are not free,
// and refunded if it was right.
type limits struct {
	mu   sync.Mutex
	full map[string]time.Time // when the budget of a key will be whole again
}

func newLimits() *limits { return &limits{full: map[string]time.Time{}} }

type charge struct {
	key string
	of  budget
}

// charges of a login; an empty user is none.
func charges(remote, user string) []charge {
	all := []charge{{"", perServer}, {"address " + listener.Network(remote), perAddress}}
	if user != "" {
		// The digest, since a password may be in the wrong field. An unknown user is charged like any other, so that
		// the answer does not tell who exists.
		all = append(all, charge{"user " + digestOf(user).String(), perUser})
	}
	return all
}

// take charges an attempt, or returns how long to wait for one.
func (l *limits) take(all []charge) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for _, c := range all {
		if over := l.fullAt(c.key, now).Add(c.of.interval).Sub(now) - time.Duration(
			c.of.burst)*c.of.interval; over > 0 {
			wait = max(wait, over)
		}
	}
	if wait > 0 {
		return wait
	}
	l.forget(now)
	for _, c := range all {
		l.full[c.key] = l.fullAt(c.key, now).Add(c.of.interval)
	}
	return 0
}

// refund returns what a right login was charged.
func (l *limits) refund(all []charge) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range all {
		if at, ok := l.full[c.key]; ok {
			l.full[c.key] = at.Add(-c.of.interval)
		}
	}
}

func (l *limits) fullAt(key string, now time.Time) time.Time {
	if at := l.full[key]; at.After(now) {
		return at
	}
	return now
}

// forget drops whole budgets, and if there are too many others, the one that will be whole first.
func (l *limits) forget(now time.Time) {
	if len(l.full) < maxTracked {
		return
	}
	first := ""
	for key, at := range l.full {
		if !at.After(now) {
			delete(l.full, key)
		} else if key != "" && (first == "" || at.Before(l.full[first])) {
			first = key
		}
	}
	if len(l.full) >= maxTracked {
		delete(l.full, first)
	}
}
