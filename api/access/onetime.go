package access

import (
	"sync"
	"time"
)

// OneTimeValid is for how long a one-time address may be used.
const OneTimeValid = 10 * time.Minute

// maxOneTime is how many may wait to be used; a further one takes the place of the oldest.
const maxOneTime = 16

// oneTimes are the secrets of one-time addresses, by their digests, with their ends.
type oneTimes struct {
	mu  sync.Mutex
	all map[digest]time.Time
}

func (o *oneTimes) create() (secret string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	var oldest digest
	first := now.Add(2 * OneTimeValid)
	for key, end := range o.all {
		if !now.Before(end) {
			delete(o.all, key)
		} else if end.Before(first) {
			oldest, first = key, end
		}
	}
	if len(o.all) >= maxOneTime {
		delete(o.all, oldest)
	}
	secret = newSecret()
	o.all[digestOf(secret)] = now.Add(OneTimeValid)
	return secret
}

// use reports whether a secret is valid, for the last time.
func (o *oneTimes) use(secret string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	key := digestOf(secret)
	end, ok := o.all[key]
	delete(o.all, key)
	return ok && time.Now().Before(end)
}
