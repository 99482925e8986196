package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// columns generates a function over [pixels][channels] with constants and sums per channel: a few vectors of channels
// stay in registers while the loop passes over all pixels. values are the parameters with all pixels, perChannel those
// with one row.
type columns struct {
	name       string
	values     []string // the first may be an output
	perChannel []string
	slope      bool
	fresh      bool         // the first of values is write-only
	maxVectors map[*isa]int // vectors of channels at a time
	// body generates the loop body. v and c are the registers of values and perChannel.
	body func(s *isa, v, c []reg.VecVirtual, slope reg.VecVirtual)
	// stored are the indices of values to write back, kept those of perChannel.
	stored, kept []int
}

func (f columns) write(s *isa) {
	signature := "func("
	for _, p := range append(append([]string(nil), f.values...), f.perChannel...) {
		signature += p + " *float32, "
	}
	signature += "pixels int, channels int"
	if f.slope {
		signature += ", slope float32"
	}
	TEXT(f.name+s.name, NOSPLIT, signature+")")
	left, step, offset := Load(Param("channels"), GP64()).(reg.GPVirtual), GP64(), GP64()
	MOVQ(left, step)
	SHLQ(U8(2), step)
	XORQ(offset, offset)
	var slope reg.VecVirtual
	if f.slope {
		slope = s.vec()
		address, _ := Param("slope").Resolve()
		VBROADCASTSS(address.Addr, slope)
	}
	for width := f.maxVectors[s]; width > 0; width /= 2 {
		f.block(s, width, left, step, offset, slope)
	}
	VZEROUPPER()
	RET()
}

func (f columns) block(s *isa, width int, left, step, offset reg.GPVirtual, slope reg.VecVirtual) {
	name := fmt.Sprintf("wide%d", width)
	Label(name)
	CMPQ(left, U32(uint32(width*s.lanes)))
	JL(LabelRef(name + "done"))
	ptr := make([]reg.GPVirtual, len(f.values))
	for i, p := range f.values {
		ptr[i] = Load(Param(p), GP64()).(reg.GPVirtual)
		ADDQ(offset, ptr[i])
	}
	consts := make([][]reg.VecVirtual, width)
	for w := range consts {
		consts[w] = s.vecs(len(f.perChannel))
	}
	for i, p := range f.perChannel {
		from := Load(Param(p), GP64())
		ADDQ(offset, from)
		for w := range consts {
			VMOVUPS(at(from, w*s.bytes()), consts[w][i])
		}
	}
	n := Load(Param("pixels"), GP64())
	Label(name + "pixel")
	for w := range consts {
		v := s.vecs(len(f.values))
		for i := range v {
			if i > 0 || !f.fresh {
				VMOVUPS(at(ptr[i], w*s.bytes()), v[i])
			}
		}
		f.body(s, v, consts[w], slope)
		for _, i := range f.stored {
			VMOVUPS(v[i], at(ptr[i], w*s.bytes()))
		}
	}
	for i := range ptr {
		ADDQ(step, ptr[i])
	}
	DECQ(n)
	JNZ(LabelRef(name + "pixel"))
	for _, i := range f.kept {
		to := Load(Param(f.perChannel[i]), GP64())
		ADDQ(offset, to)
		for w := range consts {
			VMOVUPS(consts[w][i], at(to, w*s.bytes()))
		}
	}
	ADDQ(U32(uint32(width*s.bytes())), offset)
	SUBQ(U32(uint32(width*s.lanes)), left)
	JMP(LabelRef(name))
	Label(name + "done")
}

// norms are the passes of a batch norm and LeakyReLU, forward and back.
func norms(s *isa) {
	columns{
		name: "sumSquares", values: []string{"u"}, perChannel: []string{"sum", "square"},
		maxVectors: map[*isa]int{avx512: 4, avx2: 4},
		body: func(_ *isa, v, c []reg.VecVirtual, _ reg.VecVirtual) {
			VADDPS(v[0], c[0], c[0])
			VFMADD231PS(v[0], v[0], c[1])
		},
		kept: []int{0, 1},
	}.write(s)
	columns{
		name: "scaleShift", values: []string{"y", "u"}, perChannel: []string{"scale", "shift"}, slope: true,
		fresh:      true,
		maxVectors: map[*isa]int{avx512: 4, avx2: 2},
		body: func(s *isa, v, c []reg.VecVirtual, slope reg.VecVirtual) {
			VFMADD213PS(c[1], c[0], v[1])
			VMULPS(slope, v[1], v[0])
			VMAXPS(v[0], v[1], v[0])
		},
		stored: []int{0},
	}.write(s)
	columns{
		name: "gatherSums", values: []string{"d", "u"}, perChannel: []string{"scale", "shift", "sum", "along"},
		slope:      true,
		maxVectors: map[*isa]int{avx512: 4, avx2: 2},
		body: func(s *isa, v, c []reg.VecVirtual, slope reg.VecVirtual) {
			// The sign of the value before LeakyReLU selects the slope.
			x, scaled := s.vec(), s.vec()
			VMOVAPS(v[1], x)
			VFMADD213PS(c[1], c[0], x)
			VMULPS(slope, v[0], scaled)
			if s == avx512 {
				negative := K()
				VPMOVD2M(x, negative)
				VMOVAPS(scaled, negative, v[0])
			} else {
				VBLENDVPS(x, scaled, v[0], v[0])
			}
			VADDPS(v[0], c[2], c[2])
			VFMADD231PS(v[0], v[1], c[3])
		},
		stored: []int{0}, kept: []int{2, 3},
	}.write(s)
	columns{
		name: "spreadBack", values: []string{"d", "u"}, perChannel: []string{"own", "along", "all"},
		maxVectors: map[*isa]int{avx512: 4, avx2: 4},
		body: func(_ *isa, v, c []reg.VecVirtual, _ reg.VecVirtual) {
			// d·own - u·along + all
			VFMADD213PS(c[2], c[0], v[0])
			VFNMADD231PS(v[1], c[1], v[0])
		},
		stored: []int{0},
	}.write(s)
}
