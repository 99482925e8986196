package broadcast

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestAllWaitersWakeWhenTheConditionHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s Signal
		var left, woken atomic.Int32
		left.Store(2)
		for range 3 {
			go func() {
				if s.Until(t.Context(), func() bool { return left.Load() == 0 }) {
					woken.Add(1)
				}
			}()
		}
		for _, want := range []int32{0, 0, 3} {
			synctest.Wait()
			if n := woken.Load(); n != want {
				t.Fatalf("with %d left %d waits have ended", left.Load(), n)
			}
			left.Add(-1)
			s.Notify()
		}
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s Signal
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if s.Until(ctx, func() bool { return false }) || time.Since(start) != time.Second {
			t.Errorf("waited %v", time.Since(start))
		}
		if !s.Until(ctx, func() bool { return true }) {
			t.Error("a condition that holds does not count when the context has ended")
		}
	})
}

// A change between the check and the wait is not missed.
func TestAChangeDuringTheCheckIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s Signal
		done := false
		if !s.Until(t.Context(), func() bool {
			was := done
			done = true
			s.Notify()
			return was
		}) {
			t.Error("the change was missed")
		}
	})
}
