package calibrate

import (
	"cmp"
	"math"
	"slices"
	"time"
)

const (
	// blockLength is the length of the pieces of video whose highest levels are compared: about as long as something
	// takes to pass.
	blockLength = 3 * time.Second
	// wantedPeaks are enough for a tail. More would need a lower level, where the errors do not follow the tail yet.
	wantedPeaks = 60
	// maxFraction is the largest share of blocks that may lie above the level.
	maxFraction = 0.5
)

// block is the highest level of a piece of video. Blocks with successive numbers follow on each other.
type block struct {
	number int64
	level  float64
}

// blockMaker cuts a stream into blocks. The zero value is ready.
type blockMaker struct {
	began time.Duration
	open  bool
	block block
}

// push takes the level of the next clip, which does not follow on the one before if gap is set, and returns the block
// that has ended before it, if one has.
func (m *blockMaker) push(at time.Duration, gap bool, level float64) (done block, ok bool) {
	if m.open && (gap || at-m.began >= blockLength) {
		done, ok = m.end()
		if gap {
			m.block.number++ // so that the next one does not follow on it
		}
	}
	if !m.open {
		m.began, m.open, m.block.level = at, true, math.Inf(-1)
	}
	m.block.level = max(m.block.level, level)
	return done, ok
}

// end ends the block under way.
func (m *blockMaker) end() (done block, ok bool) {
	if !m.open {
		return block{}, false
	}
	done, m.open = m.block, false
	m.block.number++
	return done, !math.IsInf(done.level, -1)
}

// selectPeaks lowers a level until the blocks rise above it wantedPeaks times, or half of them are above it, and
// returns it with the highest level of each run of successive blocks above it. total is the number of all blocks;
// those that are not given are lower than the given ones, which are sorted by number.
func selectPeaks(blocks []block, total int) (level float64, peaks []float64) {
	sorted := slices.SortedFunc(slices.Values(blocks), func(a, b block) int { return cmp.Compare(b.level, a.level) })
	most := min(int(maxFraction*float64(total)), len(sorted)-1)
	for k := 1; k <= most; k += max(1, k/5) {
		if found := runs(blocks, sorted[k].level); len(found) > len(peaks) {
			level, peaks = sorted[k].level, found
		}
		if len(peaks) >= wantedPeaks {
			break
		}
	}
	return level, peaks
}

// runs returns the highest level of each run of successive blocks above a level.
func runs(blocks []block, level float64) (peaks []float64) {
	last := int64(math.MinInt64 / 2)
	for _, b := range blocks {
		if !(b.level > level) {
			continue
		}
		if b.number == last+1 {
			peaks[len(peaks)-1] = max(peaks[len(peaks)-1], b.level)
		} else {
			peaks = append(peaks, b.level)
		}
		last = b.number
	}
	return peaks
}
