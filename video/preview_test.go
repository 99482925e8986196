package video

import (
	"testing"
	"time"
)

func TestRing(t *testing.T) {
	began := time.Now()
	at := func(seq uint64, size int) Preview {
		return Preview{
			Seq: seq, Arrival: began.Add(time.Duration(seq) * 100 * time.Millisecond),
			JPEG: make([]byte, size),
		}
	}
	fill := func(keep time.Duration, bytes int) *Ring {
		r := &Ring{Keep: keep, Bytes: bytes}
		for seq := uint64(0); seq <= 100; seq += 10 {
			r.Add(at(seq, 100))
		}
		return r
	}
	tests := []struct {
		name        string
		ring        *Ring
		first, last uint64
		count       int
	}{
		{"room for all", fill(time.Minute, 1e6), 0, 100, 11},
		{"bounded in time", fill(3*time.Second, 1e6), 70, 100, 4},
		{"bounded in bytes", fill(time.Minute, 250), 90, 100, 2},
		{"none", fill(time.Minute, 0), 0, 0, 0},
		{"the zero value", new(Ring), 0, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			all := tt.ring.Range(0, 1000)
			n, bytes := tt.ring.Size()
			if len(all) != tt.count || n != tt.count || bytes != 100*tt.count {
				t.Fatalf("%d pictures, size says %d of %d bytes; want %d", len(all), n, bytes, tt.count)
			}
			if tt.count > 0 && (all[0].Seq != tt.first || all[len(all)-1].Seq != tt.last) {
				t.Errorf("from %d to %d, want %d to %d", all[0].Seq, all[len(all)-1].Seq, tt.first, tt.last)
			}
		})
	}
	r := fill(time.Minute, 1e6)
	if got := r.Range(20, 40); len(got) != 3 {
		t.Errorf("from 20 to 40: %d pictures", len(got))
	}
	for _, c := range []struct {
		seq, want uint64
		near      bool
	}{{34, 30, true}, {36, 40, true}, {120, 100, true}, {121, 100, false}, {1 << 63, 100, false}} {
		p, ok := r.Nearest(c.seq)
		if !ok || p.Seq != c.want {
			t.Errorf("nearest to %d is %d, want %d", c.seq, p.Seq, c.want)
		}
		if _, near := r.Near(c.seq); near != c.near {
			t.Errorf("%d is near: %v", c.seq, near)
		}
	}
	if _, ok := new(Ring).Near(3); ok {
		t.Error("an empty ring has a picture")
	}
}
