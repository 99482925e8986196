package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The offsets of the fields of kernel.Tile and kernel.Tap, in bytes; a test of package kernel compares them with the
// types.
const (
	tileSrc        = 0
	tilePixels     = 24
	tileTaps       = 48
	tileWeights    = 72
	tileDst        = 96
	tileOut        = 120
	tileBias       = 144
	tileChannels   = 168
	tileSrcStep    = 176
	tileWeightStep = 184
	tileSlope      = 192

	tapSrc    = 0
	tapWeight = 8
	tapLen    = 16
	tapSize   = 24
)

// tile generates a micro-kernel of the given number of pixels times vectors of channels. The sums stay in registers
// from the first tap to the last; a step loads a row of weights and broadcasts one source value of each pixel.
//
// All pixels share one index for the offset of the tap, so a tap costs a few scalar instructions in total, not per
// pixel.
func tile(s *isa, pixels, vectors int) {
	TEXT(fmt.Sprintf("tile%sx%dx%d", s.name, pixels, vectors), NOSPLIT, "func(t *byte)")
	var (
		groups, pixel, out = AllocLocal(8), AllocLocal(8), AllocLocal(8)
		tapsEnd, weights   = AllocLocal(8), AllocLocal(8)
		ptr                = make([]reg.GPVirtual, pixels)
		k, w, end, tap     = GP64(), GP64(), GP64(), GP64()
		srcStep, wStep     = GP64(), GP64()
		sums               = make([][]reg.VecVirtual, pixels)
		masks              = make([]reg.OpmaskVirtual, vectors)
	)
	for p := range ptr {
		ptr[p], sums[p] = GP64(), s.vecs(vectors)
	}
	t := Load(Param("t"), GP64())
	if s == avx512 {
		// One bit per existing channel.
		bits, channels := GP64(), GP64()
		MOVQ(at(t, tileChannels), channels)
		MOVQ(I32(-1), bits)
		BZHIQ(channels, bits, bits)
		for v := range masks {
			masks[v] = K()
			KMOVW(bits.As32(), masks[v])
			if v < vectors-1 {
				SHRQ(U8(16), bits)
			}
		}
	}
	// The number of groups; the caller pads the last one.
	MOVQ(at(t, tilePixels+8), reg.RAX)
	XORQ(reg.RDX, reg.RDX)
	n := GP64()
	MOVQ(U32(uint32(pixels)), n)
	DIVQ(n)
	MOVQ(reg.RAX, groups)
	for _, m := range []struct {
		field int
		local Mem
	}{{tilePixels, pixel}, {tileOut, out}, {tileWeights, weights}} {
		v := GP64()
		MOVQ(at(t, m.field), v)
		MOVQ(v, m.local)
	}
	last := GP64()
	MOVQ(at(t, tileTaps+8), last)
	IMUL3Q(U8(tapSize), last, last)
	ADDQ(at(t, tileTaps), last)
	MOVQ(last, tapsEnd)
	MOVQ(at(t, tileSrcStep), srcStep)
	SHLQ(U8(2), srcStep)
	MOVQ(at(t, tileWeightStep), wStep)
	SHLQ(U8(2), wStep)

	Label("group")
	CMPQ(groups, U8(0))
	JE(LabelRef("done"))
	DECQ(groups)
	{
		// Source addresses of the pixels.
		t, base, list := Load(Param("t"), GP64()), GP64(), GP64()
		MOVQ(at(t, tileSrc), base)
		MOVQ(pixel, list)
		for p := range ptr {
			MOVLQSX(at(list, 4*p), ptr[p])
			LEAQ(Mem{Base: base, Index: ptr[p], Scale: 4}, ptr[p])
		}
		ADDQ(U8(4*pixels), list)
		MOVQ(list, pixel)
	}
	start(s, sums, masks, out)
	{
		t := Load(Param("t"), GP64())
		MOVQ(at(t, tileTaps), tap)
	}
	CMPQ(tap, tapsEnd)
	JE(LabelRef("act"))

	Label("tap")
	MOVQ(at(tap, tapSrc), k)
	SHLQ(U8(2), k)
	MOVQ(at(tap, tapWeight), w)
	IMULQ(wStep, w)
	ADDQ(weights, w)
	MOVQ(at(tap, tapLen), end)
	IMULQ(srcStep, end)
	ADDQ(k, end)
	CMPQ(k, end)
	JE(LabelRef("next"))

	Label("step")
	multiply(s, sums, ptr, k, w)
	ADDQ(wStep, w)
	ADDQ(srcStep, k)
	CMPQ(k, end)
	JNE(LabelRef("step"))

	Label("next")
	ADDQ(U8(tapSize), tap)
	CMPQ(tap, tapsEnd)
	JNE(LabelRef("tap"))

	Label("act")
	finish(s, sums, masks, out)
	JMP(LabelRef("group"))

	Label("done")
	VZEROUPPER()
	RET()
}

// multiply adds one source value of each pixel times a row of weights to the sums.
func multiply(s *isa, sums [][]reg.VecVirtual, ptr []reg.GPVirtual, k, w reg.GPVirtual) {
	row := s.vecs(len(sums[0]))
	for v := range row {
		VMOVUPS(at(w, v*s.bytes()), row[v])
	}
	for p := range ptr {
		value := Mem{Base: ptr[p], Index: k, Scale: 1}
		if s == avx512 && len(row) == 1 {
			VFMADD231PS_BCST(value, row[0], sums[p][0])
			continue
		}
		one := s.vec()
		VBROADCASTSS(value, one)
		for v := range row {
			VFMADD231PS(one, row[v], sums[p][v])
		}
	}
}

// start initialises the sums with the bias, or with the values of the destination.
func start(s *isa, sums [][]reg.VecVirtual, masks []reg.OpmaskVirtual, out Mem) {
	t, bias := Load(Param("t"), GP64()), GP64()
	MOVQ(at(t, tileBias), bias)
	TESTQ(bias, bias)
	JZ(LabelRef("goOn"))
	for v := range sums[0] {
		VMOVUPS(at(bias, v*s.bytes()), sums[0][v])
		for p := 1; p < len(sums); p++ {
			VMOVAPS(sums[0][v], sums[p][v])
		}
	}
	JMP(LabelRef("started"))

	Label("goOn")
	if s == avx2 {
		channels := GP64()
		MOVQ(at(t, tileChannels), channels)
		CMPQ(channels, U8(s.lanes*len(sums[0])))
		JL(LabelRef("goOnPart"))
	}
	outPointers(t, out, len(sums), func(p int, ptr reg.GPVirtual) {
		for v := range sums[p] {
			if s == avx512 {
				VMOVUPS_Z(at(ptr, v*s.bytes()), masks[v], sums[p][v])
			} else {
				VMOVUPS(at(ptr, v*s.bytes()), sums[p][v])
			}
		}
	})
	if s == avx2 {
		JMP(LabelRef("started"))
		Label("goOnPart")
		eachMask(s, t, len(sums[0]), func(v int, mask reg.VecVirtual) {
			outPointers(t, out, len(sums), func(p int, ptr reg.GPVirtual) {
				VMASKMOVPS(at(ptr, v*s.bytes()), mask, sums[p][v])
			})
		})
	}
	Label("started")
}

// finish applies LeakyReLU, max(x, slope·x), and stores the channels that exist.
func finish(s *isa, sums [][]reg.VecVirtual, masks []reg.OpmaskVirtual, out Mem) {
	t, one := Load(Param("t"), GP64()), GP32()
	MOVL(at(t, tileSlope), one)
	CMPL(one, U32(0x3f800000))
	JE(LabelRef("store"))
	slope := s.vec()
	VBROADCASTSS(at(t, tileSlope), slope)
	for p := range sums {
		for v := range sums[p] {
			scaled := s.vec()
			VMULPS(slope, sums[p][v], scaled)
			VMAXPS(scaled, sums[p][v], sums[p][v])
		}
	}
	Label("store")
	if s == avx2 {
		channels := GP64()
		MOVQ(at(t, tileChannels), channels)
		CMPQ(channels, U8(s.lanes*len(sums[0])))
		JL(LabelRef("storePart"))
	}
	outPointers(t, out, len(sums), func(p int, ptr reg.GPVirtual) {
		for v := range sums[p] {
			if s == avx512 {
				VMOVUPS(sums[p][v], masks[v], at(ptr, v*s.bytes()))
			} else {
				VMOVUPS(sums[p][v], at(ptr, v*s.bytes()))
			}
		}
	})
	if s == avx2 {
		JMP(LabelRef("stored"))
		Label("storePart")
		eachMask(s, t, len(sums[0]), func(v int, mask reg.VecVirtual) {
			outPointers(t, out, len(sums), func(p int, ptr reg.GPVirtual) {
				VMASKMOVPS(sums[p][v], mask, at(ptr, v*s.bytes()))
			})
		})
		Label("stored")
	}
	list := GP64()
	MOVQ(out, list)
	ADDQ(U8(4*len(sums)), list)
	MOVQ(list, out)
}

// outPointers visits the destination addresses of the group's pixels.
func outPointers(t reg.Register, out Mem, pixels int, visit func(p int, ptr reg.GPVirtual)) {
	dst, list := GP64(), GP64()
	MOVQ(at(t, tileDst), dst)
	MOVQ(out, list)
	for p := range pixels {
		ptr := GP64()
		MOVLQSX(at(list, 4*p), ptr)
		LEAQ(Mem{Base: dst, Index: ptr, Scale: 4}, ptr)
		visit(p, ptr)
	}
}

// eachMask visits each vector with the mask of existing channels for VMASKMOVPS.
func eachMask(s *isa, t reg.Register, vectors int, visit func(v int, mask reg.VecVirtual)) {
	table, mask := GP64(), s.vec()
	for v := range vectors {
		// An offset into the table partMasks, so that the mask has a -1 for each remaining channel.
		channels := GP64()
		MOVQ(at(t, tileChannels), channels)
		LEAQ(partMasks, table)
		NEGQ(channels)
		LEAQ(Mem{Base: table, Index: channels, Scale: 4, Disp: 4 * (24 + v*s.lanes)}, table)
		VMOVUPS(at(table, 0), mask)
		visit(v, mask)
	}
}

// peak generates a loop of n rounds of 24 (AVX-512) or 12 (AVX2) independent fused multiply-adds, to measure a core's
// peak.
func peak(s *isa) {
	TEXT("peak"+s.name, NOSPLIT, "func(n int)")
	n := Load(Param("n"), GP64())
	chains := 24
	if s == avx2 {
		chains = 12
	}
	a, b := s.vec(), s.vec()
	zero(a)
	zero(b)
	sums := s.vecs(chains)
	for _, v := range sums {
		zero(v)
	}
	Label("again")
	for _, v := range sums {
		VFMADD231PS(a, b, v)
	}
	DECQ(n)
	JNZ(LabelRef("again"))
	VZEROUPPER()
	RET()
}
