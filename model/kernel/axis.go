package kernel

// Taps is the side of every convolution kernel; the padding is 1.
const Taps = 3

// Axis describes one dimension of a (transposed) convolution: which inputs contribute to which output.
type Axis struct {
	In, Out int
	phases  []phase
}

// phase holds the outputs start, start+step, …: output number j sums the inputs j·inStep+first+n over its taps n. A
// convolution has one phase, a transposed one as many as its stride.
type phase struct {
	start, step   int
	count         int // outputs
	inStep, first int
	kernel        []int // the kernel index of each tap; the taps' inputs ascend by 1
}

// ConvAxis is an axis of a convolution with padding 1 over in values: one output per stride inputs.
func ConvAxis(in, stride int) Axis {
	out := (in-1)/stride + 1
	return Axis{
		In: in, Out: out,
		phases: []phase{{step: 1, count: out, inStep: stride, first: -1, kernel: []int{0, 1, 2}}},
	}
}

// TransposedConvAxis is an axis of a transposed convolution with padding 1 and output padding stride-1: stride·in
// outputs. stride is 1 or 2. With the two channel dimensions swapped, it is the input gradient of ConvAxis, and vice
// versa.
func TransposedConvAxis(in, stride int) Axis {
	if stride == 1 {
		return Axis{
			In: in, Out: in,
			phases: []phase{{step: 1, count: in, inStep: 1, first: -1, kernel: []int{2, 1, 0}}},
		}
	}
	return Axis{In: in, Out: 2 * in, phases: []phase{
		{start: 0, step: 2, count: in, inStep: 1, first: 0, kernel: []int{1}},
		{start: 1, step: 2, count: in, inStep: 1, first: 0, kernel: []int{2, 0}},
	}}
}

// inputsBefore is the number of inputs that no output from the given one on depends on.
func (a *Axis) inputsBefore(output int) int {
	first := a.In
	for _, p := range a.phases {
		// The phase's first output at or after the given one.
		if j := tiles(max(output-p.start, 0), p.step); j < p.count {
			first = min(first, max(j*p.inStep+p.first, 0))
		}
	}
	return first
}

// segment is a range of a phase's outputs for which exactly the taps lo to hi fall on real inputs.
type segment struct {
	phase    int
	from, to int
	lo, hi   int
}

func (a *Axis) segments() []segment {
	var all []segment
	for i, p := range a.phases {
		var s segment
		for j := range p.count {
			at := j*p.inStep + p.first
			lo, hi := max(0, -at), min(len(p.kernel), a.In-at)
			if j == 0 || lo != s.lo || hi != s.hi {
				if j > 0 {
					all = append(all, s)
				}
				s = segment{phase: i, from: j, lo: lo, hi: hi}
			}
			s.to = j + 1
		}
		if p.count > 0 {
			all = append(all, s)
		}
	}
	return all
}
