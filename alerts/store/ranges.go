package store

import (
	"slices"
	"strconv"
	"strings"
)

// Ranges are sorted unique numbers of a stream, as runs that do not touch.
type Ranges []Range

// Range is the numbers from First to Last, inclusive.
type Range struct {
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
}

// RangesOf builds Ranges from numbers in any order.
func RangesOf(numbers []uint64) (r Ranges) {
	for _, n := range slices.Sorted(slices.Values(numbers)) {
		r.Add(n, n)
	}
	return r
}

// Add adds the numbers from first to last.
func (r *Ranges) Add(first, last uint64) {
	if first > last {
		return
	}
	// i is the first run that may touch the new one, j the first behind it.
	i, _ := slices.BinarySearchFunc(*r, first, func(x Range, n uint64) int {
		if x.Last+1 < n {
			return -1
		}
		return 1
	})
	j := i
	for ; j < len(*r) && (*r)[j].First <= last+1; j++ {
		first, last = min(first, (*r)[j].First), max(last, (*r)[j].Last)
	}
	*r = slices.Replace(*r, i, j, Range{first, last})
}

// Has reports whether n is included.
func (r Ranges) Has(n uint64) bool {
	_, found := slices.BinarySearchFunc(r, n, func(x Range, n uint64) int {
		switch {
		case x.Last < n:
			return -1
		case x.First > n:
			return 1
		}
		return 0
	})
	return found
}

// Count returns how many numbers there are.
func (r Ranges) Count() (n uint64) {
	for _, x := range r {
		n += x.Last - x.First + 1
	}
	return n
}

// Without returns the numbers that are not in others.
func (r Ranges) Without(others Ranges) (left Ranges) {
	for _, x := range r {
		first := x.First
		for _, o := range others {
			if o.Last < first {
				continue
			}
			if o.First > x.Last {
				break
			}
			if o.First > first {
				left = append(left, Range{first, o.First - 1})
			}
			first = o.Last + 1
		}
		if first <= x.Last {
			left = append(left, Range{first, x.Last})
		}
	}
	return left
}

// Within returns the numbers from first to last.
func (r Ranges) Within(first, last uint64) (in Ranges) {
	for _, x := range r {
		if f, l := max(x.First, first), min(x.Last, last); f <= l {
			in = append(in, Range{f, l})
		}
	}
	return in
}

// String formats like 12-31,40.
func (r Ranges) String() string {
	var b strings.Builder
	for i, x := range r {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatUint(x.First, 10))
		if x.Last > x.First {
			b.WriteString("-" + strconv.FormatUint(x.Last, 10))
		}
	}
	return b.String()
}
