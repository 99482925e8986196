package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// transpose generates the transposition of a square of lanes x lanes values. Steps are in elements.
func transpose(s *isa) {
	TEXT("transpose"+s.name, NOSPLIT, "func(dst *float32, dstStep int, src *float32, srcStep int)")
	src, step := Load(Param("src"), GP64()), Load(Param("srcStep"), GP64())
	dst, dstStep := Load(Param("dst"), GP64()), Load(Param("dstStep"), GP64())
	SHLQ(U8(2), step)
	SHLQ(U8(2), dstStep)
	r := s.vecs(s.lanes)
	for i := range r {
		VMOVUPS(at(src, 0), r[i])
		ADDQ(step, src)
	}
	pair := func(a, b int, low, high func(ops ...Op)) {
		t := s.vec()
		low(r[b], r[a], t)
		high(r[b], r[a], r[b])
		r[a] = t
	}
	for i := 0; i < s.lanes; i += 2 {
		pair(i, i+1, VUNPCKLPS, VUNPCKHPS)
	}
	for i := 0; i < s.lanes; i += 4 {
		pair(i, i+2, VUNPCKLPD, VUNPCKHPD)
		pair(i+1, i+3, VUNPCKLPD, VUNPCKHPD)
		// Columns 0, 1, 2, 3 of each four now lie in i, i+2, i+1, i+3.
		r[i+1], r[i+2] = r[i+2], r[i+1]
	}
	if s == avx2 {
		for i := range 4 {
			pair(i, i+4, half(0x20), half(0x31))
		}
	} else {
		for i := range 4 {
			pair(i, i+4, quarters(0x88), quarters(0xdd))
			pair(i+8, i+12, quarters(0x88), quarters(0xdd))
		}
		for i := range 8 {
			pair(i, i+8, quarters(0x88), quarters(0xdd))
		}
	}
	for i := range r {
		VMOVUPS(r[i], at(dst, 0))
		ADDQ(dstStep, dst)
	}
	VZEROUPPER()
	RET()
}

func half(choice uint8) func(ops ...Op) {
	return func(ops ...Op) { VPERM2F128(U8(choice), ops[0], ops[1], ops[2]) }
}

func quarters(choice uint8) func(ops ...Op) {
	return func(ops ...Op) { VSHUFF32X4(append([]Op{U8(choice)}, ops...)...) }
}

// merge generates the interleaved sums of rows: dst[2i] is the sum of the even rows at i and dst[2i+1] of the odd ones,
// each plus a bias; unless add is 0, they are added to dst.
func merge(s *isa) {
	TEXT("merge"+s.name, NOSPLIT,
		"func(dst *float32, base *float32, even *int32, evens int, odd *int32, odds int, n int, bias float32, add int)")
	dst, base, n := Load(Param("dst"), GP64()), Load(Param("base"), GP64()), Load(Param("n"), GP64())
	add := Load(Param("add"), GP64())
	bias := s.vec()
	address, _ := Param("bias").Resolve()
	VBROADCASTSS(address.Addr, bias)
	total := func(list, count string) reg.VecVirtual {
		sum := s.vec()
		VMOVAPS(bias, sum)
		p, end := Load(Param(list), GP64()), Load(Param(count), GP64())
		LEAQ(Mem{Base: p, Index: end, Scale: 4}, end)
		Label(list)
		row := GP64()
		MOVLQSX(at(p, 0), row)
		VADDPS(Mem{Base: base, Index: row, Scale: 4}, sum, sum)
		ADDQ(U8(4), p)
		CMPQ(p, end)
		JNE(LabelRef(list))
		return sum
	}
	Label("next")
	a := total("even", "evens")
	b := total("odd", "odds")
	low, high, first, second := s.vec(), s.vec(), s.vec(), s.vec()
	VUNPCKLPS(b, a, low)
	VUNPCKHPS(b, a, high)
	if s == avx2 {
		VPERM2F128(U8(0x20), high, low, first)
		VPERM2F128(U8(0x31), high, low, second)
	} else {
		// Quarters 0 1 2 3 of low and high belong as l0 h0 l1 h1 and l2 h2 l3 h3.
		x, y := s.vec(), s.vec()
		VSHUFF32X4(U8(0x44), high, low, x) // l0 l1 h0 h1
		VSHUFF32X4(U8(0xee), high, low, y) // l2 l3 h2 h3
		VSHUFF32X4(U8(0xd8), x, x, first)
		VSHUFF32X4(U8(0xd8), y, y, second)
	}
	TESTQ(add, add)
	JZ(LabelRef("store"))
	VADDPS(at(dst, 0), first, first)
	VADDPS(at(dst, s.bytes()), second, second)
	Label("store")
	VMOVUPS(first, at(dst, 0))
	VMOVUPS(second, at(dst, s.bytes()))
	ADDQ(U8(s.bytes()), base)
	ADDQ(U32(uint32(2*s.bytes())), dst)
	SUBQ(U8(s.lanes), n)
	JG(LabelRef("next"))
	VZEROUPPER()
	RET()
}
