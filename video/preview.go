package video

import (
	"slices"
	"sync"
	"time"
)

// Preview is a small picture of a stream, for people.
type Preview struct {
	Seq     uint64        // the Frame's
	PTS     time.Duration // the Frame's
	Arrival time.Time     // the Frame's
	JPEG    []byte        // at most PreviewWidth wide
}

const (
	// PreviewWidth is the maximum width of a preview, in pixels.
	PreviewWidth = 640
	// PreviewEvery is the minimum interval between two previews.
	PreviewEvery = time.Second / 5
)

// Ring keeps the latest pictures of a stream within its bounds. The zero value keeps none. It is safe for concurrent
// use; its pictures are shared and must not be changed.
type Ring struct {
	// Keep is the maximum age in arrival time, Bytes the maximum total size.
	Keep  time.Duration
	Bytes int

	mu    sync.Mutex
	pics  []Preview
	bytes int
}

// Resize changes Bytes; a smaller one applies with the next Add.
func (r *Ring) Resize(bytes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Bytes = bytes
}

// Add adds p, whose Seq must be above those before it, and drops what exceeds the bounds.
func (r *Ring) Add(p Preview) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pics = append(r.pics, p)
	r.bytes += len(p.JPEG)
	drop := 0
	for drop < len(r.pics) && (r.bytes > r.Bytes || p.Arrival.Sub(r.pics[drop].Arrival) > r.Keep) {
		r.bytes -= len(r.pics[drop].JPEG)
		drop++
	}
	// Delete moves the rest to the front, so that the array does not retain dropped pictures.
	r.pics = slices.Delete(r.pics, 0, drop)
}

// Range returns the pictures from one frame to another, both included, the oldest first.
func (r *Ring) Range(from, to uint64) []Preview {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Preview
	for _, p := range r.pics {
		if p.Seq >= from && p.Seq <= to {
			out = append(out, p)
		}
	}
	return out
}

// Nearest returns the picture whose frame is nearest to seq; false if there are none.
func (r *Ring) Nearest(seq uint64) (Preview, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.pics) == 0 {
		return Preview{}, false
	}
	return slices.MinFunc(r.pics, func(a, b Preview) int {
		x, y := distance(a.Seq, seq), distance(b.Seq, seq)
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	}), true
}

// Near is Nearest if seq lies among the pictures, or outside by about their distance; false elsewhere, since the
// nearest one would show another time.
func (r *Ring) Near(seq uint64) (Preview, bool) {
	p, ok := r.Nearest(seq)
	if !ok {
		return p, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	reach := uint64(singleReach)
	if n := len(r.pics); n > 1 {
		reach = 2 * (r.pics[n-1].Seq - r.pics[0].Seq) / uint64(n-1)
	}
	return p, distance(p.Seq, seq) <= reach
}

// singleReach is the maximum distance from a single picture, in frames.
const singleReach = 30

// Size returns the number of pictures and their total size in bytes.
func (r *Ring) Size() (pictures, bytes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.pics), r.bytes
}

func distance(a, b uint64) uint64 {
	if a > b {
		return a - b
	}
	return b - a
}
