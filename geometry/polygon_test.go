package geometry

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// draw renders a mask as rows of # and dots, with blanks between the rows.
func draw(mask []bool, w int) string {
	var b strings.Builder
	for i, m := range mask {
		if i > 0 && i%w == 0 {
			b.WriteByte(' ')
		}
		b.WriteByte(".#"[btoi(m)])
	}
	return b.String()
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestRasterize(t *testing.T) {
	const w = 8
	tests := []struct {
		name  string
		polys []Polygon
		want  string
	}{
		{
			"a quarter, on pixel borders",
			[]Polygon{Rect(0, 0, 0.5, 0.5)},
			"####.... ####.... ####.... ####.... ........ ........ ........ ........",
		},
		{
			"a sliver that holds no centre",
			[]Polygon{Rect(0.26, 0.26, 0.3, 0.3)},
			"........ ........ ........ ........ ........ ........ ........ ........",
		},
		{
			"everything",
			[]Polygon{Rect(-1, -1, 2, 2)},
			"######## ######## ######## ######## ######## ######## ######## ########",
		},
		{
			"two that overlap have no hole",
			[]Polygon{Rect(0, 0, 0.5, 0.24), Rect(0.25, 0, 1, 0.24)},
			"######## ######## ........ ........ ........ ........ ........ ........",
		},
		{
			"one that crosses itself has a hole",
			[]Polygon{{
				{0, 0},
				{1, 0},
				{1, 1},
				{0, 1},
				{0, 0},
				{0.25, 0.25},
				{0.75, 0.25},
				{0.75, 0.75},
				{0.25, 0.75},
				{0.25, 0.25},
			}},
			"######## ######## ##....## ##....## ##....## ##....## ######## ########",
		},
		{
			"a triangle",
			[]Polygon{{{0.5, 0}, {1, 1}, {0, 1}}},
			"........ ...##... ...##... ..####.. ..####.. .######. .######. ########",
		},
		{
			"no area",
			[]Polygon{{{0, 0}, {1, 1}}, {{0, 0}, {math.NaN(), 0}, {1, 1}}},
			"........ ........ ........ ........ ........ ........ ........ ........",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := draw(Rasterize(tt.polys, w, w), w); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", strings.ReplaceAll(got, " ", "\n"),
					strings.ReplaceAll(tt.want, " ", "\n"))
			}
		})
	}
}

// TestIgnoreCoversEveryTouchedPixel checks that a pixel is ignored exactly if some point of it is masked, compared with
// a finer raster, on polygons of all kinds.
func TestIgnoreCoversEveryTouchedPixel(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const side, fine = 16, 16
	for range 200 {
		p := make(Polygon, 3+r.IntN(4))
		for i := range p {
			p[i] = Point{r.Float64()*1.4 - 0.2, r.Float64()*1.4 - 0.2}
		}
		ignored := IgnoreMask([]Polygon{p}, side)
		small := Rasterize([]Polygon{p}, side*fine, side*fine)
		touched := make([]bool, side*side)
		for i, m := range small {
			if m {
				touched[i/(side*fine)/fine*side+i%(side*fine)/fine] = true
			}
		}
		more := 0
		for i := range touched {
			if touched[i] && !ignored[i] {
				t.Fatalf("polygon %v: pixel %d is touched and not ignored", p, i)
			}
			if ignored[i] && !touched[i] {
				more++ // overlaps by less than the finer raster resolves
			}
		}
		if more > side {
			t.Fatalf("polygon %v: %d pixels ignored for nothing\n%s\nwant\n%s", p, more, draw(ignored, side),
				draw(touched, side))
		}
	}
}

func TestNoMask(t *testing.T) {
	if IgnoreMask(nil, 8) != nil || slices.Contains(Rasterize(nil, 4, 4), true) ||
		Rasterize([]Polygon{Rect(0, 0, 1, 1)}, 0, 5) != nil {
		t.Error("no mask, or no picture, masks nothing")
	}
}

func TestPolygonCheck(t *testing.T) {
	tests := []struct {
		p    Polygon
		want string
	}{
		{Rect(0, 0, 1, 1), ""},
		{Rect(0, 0, 1, 1)[:2], "at least 3 corners"},
		{Polygon{{0, 0}, {1, 0}, {1, 1.5}}, "corner 3 is (1, 1.5)"},
		{Polygon{{0, 0}, {math.NaN(), 0}, {1, 1}}, "corner 2"},
	}
	for _, tt := range tests {
		err := tt.p.Check()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: %v, want %q", tt.p, err, tt.want)
		}
	}
}

func FuzzRasterize(f *testing.F) {
	f.Add(0.1, 0.2, 0.9, 0.3, 0.5, 0.8, uint8(10), uint8(7))
	f.Add(0.5, 0.5, 1e308, 0.5+1e-16, -1e308, 5e-324, uint8(10), uint8(7))
	f.Add(math.Inf(1), 0.2, 1e300, -1e300, 0.5, 0.8, uint8(10), uint8(7))
	f.Fuzz(func(t *testing.T, ax, ay, bx, by, cx, cy float64, w, h uint8) {
		p := Polygon{{ax, ay}, {bx, by}, {cx, cy}}
		if got := Rasterize([]Polygon{p}, int(w), int(h)); len(got) != int(w)*int(h) {
			t.Errorf("%d pixels for %dx%d", len(got), w, h)
		}
		if w > 0 {
			IgnoreMask([]Polygon{p}, int(w))
		}
	})
}
