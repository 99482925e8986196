package kernel

// Taps is the side of every kernel of the network; its padding is 1.
const Taps = 3

// Axis says, for one dimension of a (transposed) convolution, which inputs make which output.
type Axis struct {
	In, Out int
	phases  []phase
}

// phase holds the outputs start, start+step, …: output number j sums the inputs j·inStep+first+n over its taps n.
// A convolution has one phase, a transposed one as many as its stride.
type phase struct {
	start, step   int
	count         int // outputs
	inStep, first int
	kernel        []int // the kernel's index of each tap, the taps' inputs ascending by 1
}

// ConvAxis is an axis of a convolution: in values with padding 1 on either side, every stride-th of them an output.
func ConvAxis(in, stride int) Axis {
	out := (in-1)/stride + 1
	return Axis{
		In: in, Out: out,
		phases: []phase{{step: 1, count: out, inStep: stride, first: -1, kernel: []int{0, 1, 2}}},
	}
}

// TransposedConvAxis is an axis of a transposed convolution with padding 1 and output padding stride-1: stride·in outputs. Stride is 1
// or 2. It is also the gradient of ConvAxis toward its input, as ConvAxis is of TransposedConvAxis, with the two channel dimensions swapped.
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

// inputsBefore is how many inputs come before the first that the outputs from one on are made of.
func (a *Axis) inputsBefore(output int) int {
	first := a.In
	for _, p := range a.phases {
		// The phase's first output that is not before.
		if j := tiles(max(output-p.start, 0), p.step); j < p.count {
			first = min(first, max(j*p.inStep+p.first, 0))
		}
	}
	return first
}

// segment is a range of a phase's outputs whose taps lo to hi, and no others, fall on real inputs.
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
