package pipeline

import (
	"slices"
	"sync"
	"time"

	"vigil/video"
)

// modelInput keeps the pictures of a camera's cuboids, as the model sees them.
type modelInput struct {
	keep  time.Duration
	bytes int

	mu      sync.Mutex
	pics    []video.ModelPicture
	arrived []time.Time
	size    int
}

// add keeps the pictures of a cuboid that no earlier one had. apart means that pictures are left out between cuboids.
func (m *modelInput) add(c *video.Cuboid, disjoint bool) {
	side2 := len(c.X) / video.CuboidFrames
	side := 1
	for side*side < side2 {
		side++
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	begins := video.CuboidFrames - c.Pictures
	for t := begins; t < video.CuboidFrames; t++ {
		n := len(m.pics)
		if n > 0 && c.Seq[t] <= m.pics[n-1].Seq {
			continue
		}
		p := video.ModelPicture{Seq: c.Seq[t], PTS: c.PTS[t], Side: side, Gray: make([]byte, side2)}
		p.Gap = n > 0 && (c.Gap && c.Seq[begins] > m.pics[n-1].Seq || disjoint && t == begins ||
			p.PTS <= m.pics[n-1].PTS)
		for i, v := range c.X[t*side2 : (t+1)*side2] {
			p.Gray[i] = byte((v+1)*127.5 + 0.5)
		}
		m.pics, m.arrived = append(m.pics, p), append(m.arrived, c.Arrival[t])
		m.size += side2
	}
	drop := 0
	for drop < len(m.pics) && (m.size > m.bytes || m.arrived[len(m.arrived)-1].Sub(m.arrived[drop]) > m.keep) {
		m.size -= len(m.pics[drop].Gray)
		drop++
	}
	m.pics, m.arrived = slices.Delete(m.pics, 0, drop), slices.Delete(m.arrived, 0, drop)
}

// ModelInput returns the model's pictures from one frame to another, both included, the oldest first.
func (b *MediaBuffer) ModelInput(from, to uint64) []video.ModelPicture {
	b.input.mu.Lock()
	defer b.input.mu.Unlock()
	var out []video.ModelPicture
	for _, p := range b.input.pics {
		if p.Seq >= from && p.Seq <= to {
			out = append(out, p)
		}
	}
	return out
}
