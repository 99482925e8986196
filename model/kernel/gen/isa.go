package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// isa is a set of vector instructions.
type isa struct {
	name  string
	lanes int // float32 values in a register
	vec   func() reg.VecVirtual
}

var (
	avx512 = &isa{"AVX512", 16, ZMM}
	avx2   = &isa{"AVX2", 8, YMM}
)

func (s *isa) bytes() int { return 4 * s.lanes }

func (s *isa) vecs(n int) []reg.VecVirtual {
	all := make([]reg.VecVirtual, n)
	for i := range all {
		all[i] = s.vec()
	}
	return all
}

// zero clears a register.
func zero(v reg.VecVirtual) {
	if v.Size() == 64 {
		VPXORD(v, v, v)
		return
	}
	VXORPS(v, v, v)
}

func at(base reg.Register, disp int) operand.Mem { return operand.Mem{Base: base, Disp: disp} }
