package kernel

import "golang.org/x/sys/cpu"

//go:generate go -C gen run . -out ../sets_amd64.s

// The assembly reads a Tile's fields by their place, which a test holds against the type.

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

func peakAVX512(n int)

func peakAVX2(n int)

var avx512Set = Set{
	Name: "avx512",
	Micros: []Micro{
		{Pixels: 6, Channels: 64, Run: tileAVX512x6x4},
		{Pixels: 8, Channels: 48, Run: tileAVX512x8x3},
		{Pixels: 8, Channels: 32, Run: tileAVX512x8x2},
		{Pixels: 8, Channels: 16, Run: tileAVX512x8x1},
	},
	Address: address, Residual: residual, Peak: peakAVX512, PeakWork: 24 * 16 * 2,
}

var avx2Set = Set{
	Name: "avx2",
	Micros: []Micro{
		{Pixels: 4, Channels: 24, Run: tileAVX2x4x3},
		{Pixels: 6, Channels: 16, Run: tileAVX2x6x2},
		{Pixels: 8, Channels: 8, Run: tileAVX2x8x1},
	},
	Address: address, Residual: residual, Peak: peakAVX2, PeakWork: 12 * 8 * 2,
}

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
