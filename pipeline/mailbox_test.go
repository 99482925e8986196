package pipeline

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"vigil/alerts"
	"vigil/video"
)

func cuboidWithSeq(n uint64) *video.Cuboid {
	c := new(video.Cuboid)
	c.Seq[0] = n
	return c
}

// mailboxOf returns a mailbox with so many slots, whose buffers have a size each.
func mailboxOf(cameras int, size int64) (*mailbox, []*slot) {
	m := newMailbox()
	for range cameras {
		s := newSlot(size)
		s.camera = &cameraState{}
		m.join(s)
	}
	return m, m.slots
}

func TestMailboxKeepsTheNewest(t *testing.T) {
	m, slots := mailboxOf(1, 0)
	first := cuboidWithSeq(1)
	first.Gap = true
	m.put(slots[0], first, false)
	m.put(slots[0], cuboidWithSeq(2), false)
	m.put(slots[0], cuboidWithSeq(3), false)
	p, ok := m.take()
	if !ok || p.cuboid.Seq[0] != 3 || m.skipped(slots[0]) != 2 {
		t.Fatalf("took clip %d with %d skipped, want clip 3 with 2", p.cuboid.Seq[0], m.skipped(slots[0]))
	}
	if !p.cuboid.Gap {
		t.Error("the gap before a skipped cuboid was forgotten")
	}
	if again := m.buffer(slots[0], false); again == p.cuboid || again.Seq[0] != 2 {
		t.Error("a skipped cuboid's buffer was not reused, or the one being scored was")
	}
}

// TestMailboxIsFair has five cameras that send a cuboid every 100 ms to a scorer that takes 100 ms
// a clip: five times too slow.
func TestMailboxIsFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const cameras, each = 5, 200
		m, slots := mailboxOf(cameras, 0)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for i := range cameras {
			go func() {
				for n := range uint64(each) {
					m.put(slots[i], cuboidWithSeq(n), false)
					time.Sleep(100 * time.Millisecond)
				}
				cancel()
			}()
		}
		var scored [cameras]int
		var last [cameras]uint64
		for ctx.Err() == nil {
			p, _ := m.take()
			camera := slices.Index(slots, p.slot)
			if n := p.cuboid.Seq[0]; scored[camera] > 0 && n <= last[camera] {
				t.Errorf("camera %d: clip %d was scored after clip %d", camera, n, last[camera])
			}
			last[camera] = p.cuboid.Seq[0]
			scored[camera]++
			time.Sleep(100 * time.Millisecond)
			m.release(p)
		}
		synctest.Wait()
		for i := range cameras {
			if scored[i] < each/cameras-1 || scored[i] > each/cameras+1 {
				t.Errorf("camera %d had %d clips scored, want %d of %d: %v", i, scored[i], each/cameras, each, scored)
			}
			if got := int(m.skipped(slots[i])) + scored[i]; got < each-2 || got > each {
				t.Errorf("camera %d: %d scored and %d skipped do not add up to %d", i, scored[i],
					m.skipped(slots[i]), each)
			}
		}
	})
}

func TestMailboxBuffersPerCamera(t *testing.T) {
	m, slots := mailboxOf(1, 0)
	seen := map[*video.Cuboid]bool{}
	var scoring item
	for i := range 100 {
		c := m.buffer(slots[0], false)
		seen[c] = true
		m.put(slots[0], c, false)
		if i%3 == 0 {
			if scoring.cuboid != nil {
				m.release(scoring)
			}
			scoring, _ = m.take()
		}
	}
	if len(seen) != 3 {
		t.Errorf("%d buffers went round for one camera, want 3", len(seen))
	}
}

func TestMailboxEndsInOrder(t *testing.T) {
	m, slots := mailboxOf(2, 0)
	m.put(slots[0], cuboidWithSeq(1), false)
	m.end(slots[0], alerts.EndSourceLost)
	if p, _ := m.take(); p.cuboid == nil {
		t.Fatal("the end came before the cuboid that was pending")
	}
	// The source returned before the scheduler took the end: the end comes first.
	m.put(slots[0], cuboidWithSeq(2), false)
	if p, _ := m.take(); p.cuboid != nil || p.ending != alerts.EndSourceLost {
		t.Fatalf("took %+v, want the loss of the source", p)
	}
	if p, _ := m.take(); p.cuboid == nil || p.cuboid.Seq[0] != 2 {
		t.Fatalf("took %+v, want clip 2", p)
	}
	// With two ends queued, a cuboid between them must not be processed after the second.
	m.end(slots[0], alerts.EndSourceLost)
	m.put(slots[0], cuboidWithSeq(4), false)
	m.end(slots[0], alerts.EndSourceLost)
	if p, _ := m.take(); p.cuboid != nil || m.skipped(slots[0]) != 1 {
		t.Fatalf("took %+v with %d skipped, want one loss and a skipped clip", p, m.skipped(slots[0]))
	}
	m.put(slots[1], cuboidWithSeq(3), false)
	m.close()
	if p, ok := m.take(); !ok || p.slot != slots[1] {
		t.Error("what was pending at the close was lost")
	}
	if _, ok := m.take(); ok {
		t.Error("a closed and empty mailbox returned an item")
	}
}

func TestPutWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, slots := mailboxOf(1, 0)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			for n := range uint64(3) {
				if err := m.putWait(ctx, slots[0], cuboidWithSeq(n), false); err != nil {
					done <- err
					return
				}
			}
			done <- m.putWait(ctx, slots[0], cuboidWithSeq(3), false)
		}()
		for n := range uint64(3) {
			synctest.Wait()
			if p, _ := m.take(); p.cuboid.Seq[0] != n {
				t.Errorf("took clip %d, want %d", p.cuboid.Seq[0], n)
			}
		}
		synctest.Wait()
		cancel()
		// Clip 3 is pending; nothing else is.
		if err := <-done; err != nil {
			t.Errorf("putWait: %v", err)
		}
		if err := m.putWait(ctx, slots[0], cuboidWithSeq(4), false); !errors.Is(err, context.Canceled) {
			t.Errorf("putWait on a full mailbox after the end: %v", err)
		}
		if m.skipped(slots[0]) != 0 {
			t.Errorf("%d clips of a recording were skipped", m.skipped(slots[0]))
		}
	})
}
