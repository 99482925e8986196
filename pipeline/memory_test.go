package pipeline

import (
	"strings"
	"testing"

	"vigil/video"
)

// TestDivideMemory checks that the buffers of any cameras stay within the given bytes.
func TestDivideMemory(t *testing.T) {
	cam := camera(t, "gate", fakeStream{})
	clip := clipBytes(&cam)
	for _, c := range []struct {
		mib, cameras int
		want         string // of the error
	}{
		{64, 1, ""},
		{64, 64, ""},
		{2048, 128, ""},
		{64, 128, "is 64, must be at least "},
	} {
		cameras := make([]Camera, c.cameras)
		for i := range cameras {
			cameras[i] = cam
		}
		bytes := int64(c.mib) << 20
		m, err := DivideMemory(bytes, cameras)
		if c.want != "" {
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("%d MiB for %d cameras: %v, want %q", c.mib, c.cameras, err, c.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%d MiB for %d cameras: %v", c.mib, c.cameras, err)
		}
		if all := m.Clips + int64(3*c.cameras+evidenceRings)*int64(m.Ring); all > bytes ||
			m.Clips < minBuffers*clip*int64(c.cameras) || m.Ring < minRing {
			t.Errorf("%d MiB for %d cameras: clips %d and rings of %d bytes, in all %d", c.mib, c.cameras, m.Clips,
				m.Ring, all)
		}
	}
	// The size that the error states is sufficient.
	cameras := make([]Camera, 128)
	for i := range cameras {
		cameras[i] = cam
	}
	for mib := int64(1); ; mib++ {
		if _, err := DivideMemory(mib<<20, cameras); err == nil {
			_, less := DivideMemory(1<<20, cameras)
			if want := "must be at least "; !strings.Contains(less.Error(), want) || mib > 120 {
				t.Errorf("%d MiB suffice; with 1: %v", mib, less)
			}
			break
		}
	}
}

// TestMailboxIsBounded checks that without memory for a third cuboid of each camera the pending one is dropped, only if
// required, and counted.
func TestMailboxIsBounded(t *testing.T) {
	m, slots := mailboxOf(2, 1)
	m.setLimit(4)
	fill := func(camera int, seq uint64) bool {
		c := m.buffer(slots[camera], false)
		if c == nil {
			return false
		}
		c.Seq[0], c.Gap = seq, seq == 1
		m.put(slots[camera], c, false)
		return true
	}
	scored := make([]item, 2)
	for camera := range 2 {
		if !fill(camera, 0) {
			t.Fatal("no room for a first clip")
		}
		scored[camera], _ = m.take()
		if !fill(camera, 1) {
			t.Fatal("no room for a second clip")
		}
	}
	if fill(0, 2) {
		t.Fatal("there was room for a third clip")
	}
	if n := m.skipped(slots[0]); n != 0 {
		t.Errorf("%d clips were dropped before they had to be", n)
	}
	c := m.buffer(slots[0], true)
	if c == nil || c.Seq[0] != 1 || m.skipped(slots[0]) != 1 || m.starved(slots[0]) != 1 {
		t.Fatalf("the pending clip did not make way: %v, %d skipped", c, m.skipped(slots[0]))
	}
	*c = video.Cuboid{}
	c.Seq[0] = 3
	m.put(slots[0], c, false)
	if p, _ := m.take(); p.slot != slots[0] || p.cuboid.Seq[0] != 3 || !p.cuboid.Gap {
		t.Errorf("took clip %d of the first camera %v, gap %v; want clip 3, and the gap of the one that was dropped",
			p.cuboid.Seq[0], p.slot == slots[0], p.cuboid.Gap)
	}
	m.release(scored[0])
	if m.buffer(slots[0], false) != scored[0].cuboid {
		t.Error("the buffer of a scored clip is not used again")
	}
	if m.bytes != 4 {
		t.Errorf("%d bytes, the limit is 4", m.bytes)
	}
}
