package kernel

import "golang.org/x/sys/cpu"

//go:generate go -C gen run . -out ../sets_amd64.s

// The assembly accesses a Tile's fields by offset; a test compares the offsets with the type.

//go:noescape
func tileAVX512x6x4(t *Tile)

//go:noescape
func tileAVX512x8x3(t *Tile)

//go:noescape
func tileAVX512x8x2(t *Tile)

//go:noescape
func tileAVX512x8x1(t *Tile)

//go:noescape
func tileAVX2x4x3(t *Tile)

//go:noescape
func tileAVX2x6x2(t *Tile)

//go:noescape
func tileAVX2x8x1(t *Tile)

//go:noescape
func transposeAVX512(dst *float32, dstStep int, src *float32, srcStep int)

//go:noescape
func mergeAVX512(dst, base *float32, even *int32, evens int, odd *int32, odds, n int, bias float32, add int)

//go:noescape
func rowMaxAVX512(row *float32, n int) float32

//go:noescape
func rowExpAVX512(row *float32, n int, top float32) float32

//go:noescape
func rowShrinkAVX512(row *float32, n int, scale, lambda float32) float32

//go:noescape
func rowScaleAVX512(row *float32, n int, scale float32)

//go:noescape
func absResidualAVX512(sum, y, x *float32, n int)

//go:noescape
func squareResidualAVX512(sum, y, x *float32, n int)

//go:noescape
func sumSquaresAVX512(u, sum, square *float32, pixels, channels int)

//go:noescape
func scaleShiftAVX512(y, u, scale, shift *float32, pixels, channels int, slope float32)

//go:noescape
func gatherSumsAVX512(d, u, scale, shift, sum, along *float32, pixels, channels int, slope float32)

//go:noescape
func spreadBackAVX512(d, u, own, along, all *float32, pixels, channels int)

func peakAVX512(n int)

//go:noescape
func transposeAVX2(dst *float32, dstStep int, src *float32, srcStep int)

//go:noescape
func mergeAVX2(dst, base *float32, even *int32, evens int, odd *int32, odds, n int, bias float32, add int)

//go:noescape
func rowMaxAVX2(row *float32, n int) float32

//go:noescape
func rowExpAVX2(row *float32, n int, top float32) float32

//go:noescape
func rowShrinkAVX2(row *float32, n int, scale, lambda float32) float32

//go:noescape
func rowScaleAVX2(row *float32, n int, scale float32)

//go:noescape
func absResidualAVX2(sum, y, x *float32, n int)

//go:noescape
func squareResidualAVX2(sum, y, x *float32, n int)

//go:noescape
func sumSquaresAVX2(u, sum, square *float32, pixels, channels int)

//go:noescape
func scaleShiftAVX2(y, u, scale, shift *float32, pixels, channels int, slope float32)

//go:noescape
func gatherSumsAVX2(d, u, scale, shift, sum, along *float32, pixels, channels int, slope float32)

//go:noescape
func spreadBackAVX2(d, u, own, along, all *float32, pixels, channels int)

func peakAVX2(n int)

var avx512Set = (&passes{
	lanes:          16,
	transpose:      transposeAVX512,
	merge:          mergeAVX512,
	rowMax:         rowMaxAVX512,
	rowExp:         rowExpAVX512,
	rowShrink:      rowShrinkAVX512,
	rowScale:       rowScaleAVX512,
	absResidual:    absResidualAVX512,
	squareResidual: squareResidualAVX512,
	sumSquares:     sumSquaresAVX512,
	scaleShift:     scaleShiftAVX512,
	gatherSums:     gatherSumsAVX512,
	spreadBack:     spreadBackAVX512,
}).set("avx512", []Micro{
	{Pixels: 6, Channels: 64, Run: tileAVX512x6x4},
	{Pixels: 8, Channels: 48, Run: tileAVX512x8x3},
	{Pixels: 8, Channels: 32, Run: tileAVX512x8x2},
	{Pixels: 8, Channels: 16, Run: tileAVX512x8x1},
}, peakAVX512, 24*16*2)

var avx2Set = (&passes{
	lanes:          8,
	transpose:      transposeAVX2,
	merge:          mergeAVX2,
	rowMax:         rowMaxAVX2,
	rowExp:         rowExpAVX2,
	rowShrink:      rowShrinkAVX2,
	rowScale:       rowScaleAVX2,
	absResidual:    absResidualAVX2,
	squareResidual: squareResidualAVX2,
	sumSquares:     sumSquaresAVX2,
	scaleShift:     scaleShiftAVX2,
	gatherSums:     gatherSumsAVX2,
	spreadBack:     spreadBackAVX2,
}).set("avx2", []Micro{
	{Pixels: 4, Channels: 24, Run: tileAVX2x4x3},
	{Pixels: 6, Channels: 16, Run: tileAVX2x6x2},
	{Pixels: 8, Channels: 8, Run: tileAVX2x8x1},
}, peakAVX2, 12*8*2)

func nativeSets() []*Set {
	var all []*Set
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA && cpu.X86.HasBMI2 {
		all = append(all, &avx2Set)
		if cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL {
			all = append(all, &avx512Set)
		}
	}
	return all
}
