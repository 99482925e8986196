package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// broadcast copies a constant to all lanes.
func broadcast(s *isa, value float32) reg.VecVirtual {
	one, v := GP32(), s.vec()
	MOVL(U32(math.Float32bits(value)), one)
	if s == avx512 {
		VPBROADCASTD(one, v)
		return v
	}
	x := XMM()
	VMOVD(one, x)
	VBROADCASTSS(x, v)
	return v
}

func broadcastParam(s *isa, name string) reg.VecVirtual {
	v := s.vec()
	address, _ := Param(name).Resolve()
	VBROADCASTSS(address.Addr, v)
	return v
}

// addressing generates the passes over a row of the memory's dot products; n is a positive multiple of the lanes.
func addressing(s *isa) {
	rowMax(s)
	rowExp(s)
	rowShrink(s)
}

// beginRow declares a function over a row and loads its parameters.
func beginRow(s *isa, name, signature string) (row, n reg.Register) {
	TEXT(name+s.name, NOSPLIT, signature)
	return Load(Param("row"), GP64()), Load(Param("n"), GP64())
}

// endRow advances to the next vector and closes the loop over a row.
func endRow(s *isa, row, n reg.Register) {
	ADDQ(U8(s.bytes()), row)
	SUBQ(U8(s.lanes), n)
	JG(LabelRef("next"))
}

// reduce combines the lanes of v with op and returns the result.
func reduce(s *isa, v reg.VecVirtual, op func(ops ...Op)) {
	if s == avx512 {
		high := YMM()
		VEXTRACTF64X4(U8(1), v, high)
		op(high, v.AsY(), v.AsY())
	}
	x, other := v.AsX(), XMM()
	VEXTRACTF128(U8(1), v.AsY(), other)
	op(other, x, x)
	VSHUFPS(U8(0x4e), x, x, other)
	op(other, x, x)
	VSHUFPS(U8(0xb1), x, x, other)
	op(other, x, x)
	Store(x, ReturnIndex(0))
}

func rowMax(s *isa) {
	row, n := beginRow(s, "rowMax", "func(row *float32, n int) float32")
	top := broadcast(s, float32(math.Inf(-1)))
	Label("next")
	v := s.vec()
	VMOVUPS(at(row, 0), v)
	// If one operand is NaN, VMAXPS returns the second source: the number.
	VMAXPS(top, v, top)
	endRow(s, row, n)
	reduce(s, top, VMAXPS)
	VZEROUPPER()
	RET()
}

// rowExp replaces each value by exp(value - top) and sums the results. exp is expf of the Cephes library: 2^n times a
// polynomial of the remainder.
func rowExp(s *isa) {
	row, n := beginRow(s, "rowExp", "func(row *float32, n int, top float32) float32")
	top := broadcastParam(s, "top")
	lowest := map[*isa]float32{avx512: -105, avx2: -87}[s]
	least, log2e := broadcast(s, lowest), broadcast(s, math.Log2E)
	ln2High, ln2Low := broadcast(s, 0.693359375), broadcast(s, -2.12194440e-4)
	var poly []reg.VecVirtual
	if s == avx512 {
		for _, c := range expPoly {
			poly = append(poly, broadcast(s, c))
		}
	}
	sum := s.vec()
	zero(sum)
	Label("next")
	x, whole := s.vec(), s.vec()
	VMOVUPS(at(row, 0), x)
	VSUBPS(top, x, x)
	// If one operand is NaN, VMAXPS returns the second source: the NaN.
	VMAXPS(x, least, x)
	VMULPS(log2e, x, whole)
	if s == avx512 {
		VRNDSCALEPS(U8(0), whole, whole)
	} else {
		VROUNDPS(U8(0), whole, whole)
	}
	VFNMADD231PS(ln2High, whole, x)
	VFNMADD231PS(ln2Low, whole, x)
	p, square := s.vec(), s.vec()
	coefficient := func(i int) reg.VecVirtual {
		if s == avx512 {
			return poly[i]
		}
		return broadcast(s, expPoly[i])
	}
	VMOVAPS(coefficient(0), p)
	for i := 1; i < 6; i++ {
		VFMADD213PS(coefficient(i), x, p)
	}
	VMULPS(x, x, square)
	VFMADD213PS(x, square, p)
	VADDPS(coefficient(6), p, p)
	if s == avx512 {
		VSCALEFPS(whole, p, p)
	} else {
		power, bias := s.vec(), s.vec()
		VCVTPS2DQ(whole, power)
		one, x := GP32(), XMM()
		MOVL(U32(127), one)
		VMOVD(one, x)
		VPBROADCASTD(x, bias)
		VPADDD(bias, power, power)
		VPSLLD(U8(23), power, power)
		VMULPS(power, p, p)
	}
	VMOVUPS(p, at(row, 0))
	VADDPS(p, sum, sum)
	endRow(s, row, n)
	reduce(s, sum, VADDPS)
	VZEROUPPER()
	RET()
}

var expPoly = [7]float32{
	1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1, 1,
}

// rowShrink replaces each value by w = scale·value, hard-shrunk: (w-λ)·w/(w-λ+1e-12) above λ, else 0; NaN propagates.
func rowShrink(s *isa) {
	row, n := beginRow(s, "rowShrink", "func(row *float32, n int, scale float32, lambda float32) float32")
	scale, lambda, tiny := broadcastParam(s, "scale"), broadcastParam(s, "lambda"), broadcast(s, 1e-12)
	sum, none := s.vec(), s.vec()
	zero(sum)
	zero(none)
	Label("next")
	w, d, below := s.vec(), s.vec(), s.vec()
	VMULPS(at(row, 0), scale, w)
	VSUBPS(lambda, w, d)
	VADDPS(tiny, d, below)
	if s == avx512 {
		keep := K()
		VCMPPS(U8(6), none, d, keep) // not <=, which is also true for NaN
		VMULPS(d, w, w)
		VDIVPS_Z(below, w, keep, w)
	} else {
		keep := s.vec()
		VCMPPS(U8(6), none, d, keep)
		VMULPS(d, w, w)
		VDIVPS(below, w, w)
		VANDPS(keep, w, w)
	}
	VMOVUPS(w, at(row, 0))
	VADDPS(w, sum, sum)
	endRow(s, row, n)
	reduce(s, sum, VADDPS)
	VZEROUPPER()
	RET()
}

// rowScale multiplies a row.
func rowScale(s *isa) {
	row, n := beginRow(s, "rowScale", "func(row *float32, n int, scale float32)")
	scale := broadcastParam(s, "scale")
	Label("next")
	v := s.vec()
	VMULPS(at(row, 0), scale, v)
	VMOVUPS(v, at(row, 0))
	endRow(s, row, n)
	VZEROUPPER()
	RET()
}

// residuals generates the functions that add |y-x| or (y-x)² to sums; n is a positive multiple of the lanes.
func residuals(s *isa) {
	for _, square := range []bool{false, true} {
		name := "absResidual"
		if square {
			name = "squareResidual"
		}
		TEXT(name+s.name, NOSPLIT, "func(sum *float32, y *float32, x *float32, n int)")
		sum, y, x := Load(Param("sum"), GP64()), Load(Param("y"), GP64()), Load(Param("x"), GP64())
		n := Load(Param("n"), GP64())
		var magnitude reg.VecVirtual
		if !square {
			magnitude = broadcast(s, math.Float32frombits(0x7fffffff))
		}
		Label("next")
		d, total := s.vec(), s.vec()
		VMOVUPS(at(y, 0), d)
		VSUBPS(at(x, 0), d, d)
		VMOVUPS(at(sum, 0), total)
		if square {
			VFMADD231PS(d, d, total)
		} else {
			VANDPS(magnitude, d, d)
			VADDPS(d, total, total)
		}
		VMOVUPS(total, at(sum, 0))
		ADDQ(U8(s.bytes()), y)
		ADDQ(U8(s.bytes()), x)
		endRow(s, sum, n)
		VZEROUPPER()
		RET()
	}
}
