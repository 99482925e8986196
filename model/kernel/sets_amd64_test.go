package kernel

import (
	"testing"
	"unsafe"
)

// TestTileLayout checks the offsets of the fields of Tile and Tap that the assembly uses; gen/tile.go has the same
// constants.
func TestTileLayout(t *testing.T) {
	var tile Tile
	var tap Tap
	for _, c := range []struct {
		field     string
		got, want uintptr
	}{
		{"Tile.Src", unsafe.Offsetof(tile.Src), 0},
		{"Tile.Pixels", unsafe.Offsetof(tile.Pixels), 24},
		{"Tile.Taps", unsafe.Offsetof(tile.Taps), 48},
		{"Tile.Weights", unsafe.Offsetof(tile.Weights), 72},
		{"Tile.Dst", unsafe.Offsetof(tile.Dst), 96},
		{"Tile.Out", unsafe.Offsetof(tile.Out), 120},
		{"Tile.Bias", unsafe.Offsetof(tile.Bias), 144},
		{"Tile.Channels", unsafe.Offsetof(tile.Channels), 168},
		{"Tile.SrcStep", unsafe.Offsetof(tile.SrcStep), 176},
		{"Tile.WeightStep", unsafe.Offsetof(tile.WeightStep), 184},
		{"Tile.Slope", unsafe.Offsetof(tile.Slope), 192},
		{"Tap.Src", unsafe.Offsetof(tap.Src), 0},
		{"Tap.Weight", unsafe.Offsetof(tap.Weight), 8},
		{"Tap.Len", unsafe.Offsetof(tap.Len), 16},
		{"Tap", unsafe.Sizeof(tap), 24},
	} {
		if c.got != c.want {
			t.Errorf("%s lies at byte %d, the assembly takes it at %d", c.field, c.got, c.want)
		}
	}
}
