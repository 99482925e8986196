package lossy

import (
	"slices"
	"testing"
)

func TestTheNewestOfAKindAreKept(t *testing.T) {
	q := New(func(a, b int) bool { return a/100 == b/100 })
	q.Put(100, 3)
	for i := range 50 {
		q.Put(200+i, 3)
	}
	q.Put(101, 3)
	select {
	case <-q.Ready():
	default:
		t.Error("a queue with messages is not ready")
	}
	if got, want := q.Take(), []int{100, 247, 248, 249, 101}; !slices.Equal(got, want) {
		t.Errorf("queued are %v, not %v", got, want)
	}
	if got := q.Take(); len(got) > 0 {
		t.Errorf("still queued are %v", got)
	}
	select {
	case <-q.Ready():
		t.Error("an empty queue is ready")
	default:
	}
}
