package eval

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// picture makes a mask from rows of # and other characters.
func picture(rows ...string) *Mask {
	m := &Mask{Width: len(rows[0]), Height: len(rows)}
	for _, r := range rows {
		for _, c := range r {
			m.Abnormal = append(m.Abnormal, c == '#')
		}
	}
	return m
}

func TestRegionsTouchAtCorners(t *testing.T) {
	m := picture("##...", "..#.#", "....#")
	regions := m.regions()
	if len(regions) != 2 || len(regions[0].pixel) != 3 || len(regions[1].pixel) != 2 {
		t.Errorf("%v", regions)
	}
	// The path from one arm to the other goes down and up again.
	if regions = picture("#.#", "###").regions(); len(regions) != 1 || len(regions[0].pixel) != 5 {
		t.Errorf("%v, want one of five pixels", regions)
	}
}

// regionsAt finds the regions of a frame at a threshold directly: the number of false ones, and the detected labelled
// ones.
func regionsAt(heat []float32, side int, threshold int, truth []region, width, height int) (falses int,
	detected []bool,
) {
	found := &Mask{Width: side, Height: side}
	for _, v := range heat {
		found.Abnormal = append(found.Abnormal, heatBin(v) >= threshold)
	}
	detected = make([]bool, len(truth))
	for _, f := range found.regions() {
		cells := map[int]bool{}
		for _, c := range f.pixel {
			cells[c] = true
		}
		in := func(x, y int) bool { return cells[y*side/height*side+x*side/width] }
		size := 0
		for y := range height {
			for x := range width {
				if in(x, y) {
					size++
				}
			}
		}
		good := false
		for r, reg := range truth {
			common := 0
			for _, i := range reg.pixel {
				if in(i%width, i/width) {
					common++
				}
			}
			if float64(common) >= 0.1*float64(size+len(reg.pixel)-common) {
				detected[r], good = true, true
			}
		}
		if !good {
			falses++
		}
	}
	return falses, detected
}

func TestSweepAgreesWithEveryThreshold(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	middling := 0
	for range 8 {
		const side, width, height, frames = 16, 40, 32, 6
		var p Pixels
		var heats [][]float32
		var masks []*Mask
		pos, neg := []float64{}, []float64{}
		levels := map[int]bool{}
		for f := range frames {
			heat, mask := make([]float32, side*side), &Mask{width, height, make([]bool, width*height)}
			for i := range heat {
				heat[i] = float32(r.IntN(6)) / 4
			}
			// The map is hot near the labelled regions and elsewhere; diagonally they touch cells that are warm by
			// chance.
			warm := func(x, y, w, h int) {
				level := float32(4+r.IntN(5)) / 4
				for cy := max(0, y); cy < min(side, y+h); cy++ {
					for cx := max(0, x); cx < min(side, x+w); cx++ {
						heat[cy*side+cx] = level
					}
				}
			}
			for range f % 3 {
				x, y, w, h := r.IntN(24), r.IntN(18), 3+r.IntN(9), 3+r.IntN(9)
				for dy := range h {
					for dx := range w {
						mask.Abnormal[(y+dy)*width+x+dx] = true
					}
				}
				warm(x*side/width-1+r.IntN(3), y*side/height-1+r.IntN(3), 1+w*side/width, 1+h*side/height)
			}
			warm(r.IntN(side), r.IntN(side), 1+r.IntN(3), 1+r.IntN(3))
			for i, on := range mask.Abnormal {
				v := float64(heat[i/width*side/height*side+i%width*side/width])
				if on {
					pos = append(pos, v)
				} else {
					neg = append(neg, v)
				}
			}
			for _, v := range heat {
				levels[heatBin(v)] = true
			}
			if err := p.add(heat, mask, nil); err != nil {
				t.Fatal(err)
			}
			heats, masks = append(heats, heat), append(masks, mask)
		}
		p.finish()
		// A sixteenth of 16 is 1, so there is no smoothing.
		if want := pairs([]Series{
			{Scores: pos, Abnormal: filled(len(pos))},
			{Scores: neg, Abnormal: make([]bool, len(neg))},
		}); !near(p.AUC, want) {
			t.Fatalf("pixel AUC %v, want %v", float64(p.AUC), want)
		}
		regions := 0
		for _, m := range masks {
			regions += len(m.regions())
		}
		if p.Regions != regions || p.Frames != frames {
			t.Fatalf("%d regions in %d frames, want %d in %d", p.Regions, p.Frames, regions, frames)
		}
		// The best rate for at most x false regions, by definition, for many values of x.
		type point struct{ falses, rate float64 }
		var points []point
		high := slices.Sorted(maps.Keys(levels))
		for _, b := range slices.Backward(high) {
			falses, hits := 0, 0
			for f := range frames {
				n, detected := regionsAt(heats[f], side, b, masks[f].regions(), width, height)
				falses += n
				for _, d := range detected {
					if d {
						hits++
					}
				}
			}
			points = append(points, point{float64(falses) / frames, float64(hits) / float64(regions)})
		}
		const steps = 6 * 1000 // false regions come in sixths of a frame
		sum := 0.0
		for i := range steps {
			x, best := (float64(i)+0.5)/steps, 0.0
			for _, q := range points {
				if q.falses > x {
					break
				}
				best = max(best, q.rate)
			}
			sum += best / steps
		}
		if math.Abs(float64(p.RBDC)-sum) > 1e-9 {
			t.Fatalf("RBDC %v, want %v", float64(p.RBDC), sum)
		}
		if sum > 0.2 && sum < 0.8 {
			middling++
		}
	}
	if middling < 4 {
		t.Errorf("only %d of 8 rounds have an RBDC that is neither little nor nearly all: they show nothing", middling)
	}
}

// TestCellsTakeTheirCentre expects a cell that covers several pixels of the map to have the value of the central one.
func TestCellsTakeTheirCentre(t *testing.T) {
	const side, cells = 48, 16
	var g grid
	g.fit(side, cells, cells)
	heat := make([]float32, side*side)
	heat[(3*5+1)*side+3*2+1] = 1
	g.sweepDown(heat, nil, func(int, int, int, int) {})
	if hot := slices.Index(g.bins, heatBin(1)); hot != 5*cells+2 {
		t.Errorf("cell %d is hot, want the third one in the sixth row", hot)
	}
}

// TestRegionsByHand expects detection from a Jaccard index of 0.1 on, and diagonal cells to be connected.
func TestRegionsByHand(t *testing.T) {
	row := func(y, n int) (cells [][2]int) {
		for x := range n {
			cells = append(cells, [2]int{x, y})
		}
		return cells
	}
	for name, c := range map[string]struct {
		truth, found [][2]int
		rbdc         float64
	}{
		"one of ten":                  {row(0, 10), [][2]int{{0, 0}}, 1},
		"one of eleven":               {row(0, 11), [][2]int{{0, 0}}, 0},
		"two of twenty, by a corner":  {append(row(0, 10), row(1, 10)...), [][2]int{{0, 0}, {1, 1}}, 1},
		"two of twenty, not together": {append(row(0, 10), row(1, 10)...), [][2]int{{0, 0}, {2, 1}}, 0},
	} {
		heat, mask := make([]float32, 256), &Mask{16, 16, make([]bool, 256)}
		for _, at := range c.truth {
			mask.Abnormal[at[1]*16+at[0]] = true
		}
		for _, at := range c.found {
			heat[at[1]*16+at[0]] = 1
		}
		var p Pixels
		if err := p.add(heat, mask, nil); err != nil {
			t.Fatal(err)
		}
		p.finish()
		if !near(p.RBDC, c.rbdc) {
			t.Errorf("%s: RBDC %v, want %v", name, p.RBDC, c.rbdc)
		}
	}
}

// TestPixelsAreSmoothed expects means over two by two pixels at side 32.
func TestPixelsAreSmoothed(t *testing.T) {
	heat, mask := make([]float32, 32*32), &Mask{32, 32, make([]bool, 32*32)}
	heat[10*32+10] = 4
	for _, i := range []int{10*32 + 10, 10*32 + 9, 9*32 + 10, 9*32 + 9} {
		mask.Abnormal[i] = true
	}
	var p Pixels
	if err := p.add(heat, mask, nil); err != nil {
		t.Fatal(err)
	}
	p.finish()
	if !near(p.AUC, 1) {
		t.Errorf("pixel AUC %v, want 1: the four pixels around the hot one have its mean", p.AUC)
	}
}

// TestStepIntegralKeepsTheBest expects the best rate for a number of false regions to be kept: regions merge as the
// threshold falls, so fewer may be detected then.
func TestStepIntegralKeepsTheBest(t *testing.T) {
	var a stepIntegral
	a.point(0, 0.5)
	a.point(0.5, 0.2)
	a.point(0.75, 0.9)
	a.point(3, 1)
	if got := a.done(); !near(got, 0.75*0.5+0.25*0.9) {
		t.Errorf("area %v, want half up to .75 and .9 from there", got)
	}
}

func filled(n int) []bool {
	out := make([]bool, n)
	for i := range out {
		out[i] = true
	}
	return out
}

// heatAt is a map [16][16] that is hot in a rectangle.
func heatAt(x, y, w, h int, v float32) []float32 {
	heat := make([]float32, 256)
	for dy := range h {
		for dx := range w {
			heat[(y+dy)*16+x+dx] = v
		}
	}
	return heat
}

func TestTracksByHand(t *testing.T) {
	blank := &Mask{16, 16, make([]bool, 256)}
	var p Pixels
	start := func() {
		p = Pixels{}
		p.startVideo(true)
	}
	start()
	add := func(heat []float32, boxes ...Box) {
		t.Helper()
		if err := p.add(heat, blank, boxes); err != nil {
			t.Fatal(err)
		}
	}
	// Track 1 is hot in one of its ten frames, which is α, track 2 in none, and nothing else is hot.
	add(heatAt(2, 2, 4, 4, 1), Box{Track: 1, X: 2, Y: 2, W: 4, H: 4})
	for range 9 {
		add(make([]float32, 256), Box{Track: 1, X: 2, Y: 2, W: 4, H: 4}, Box{Track: 2, X: 10, Y: 10, W: 3, H: 3})
	}
	p.finish()
	if p.Tracks != 2 || !near(p.TBDC, 0.5) {
		t.Errorf("TBDC %v of %d tracks, want .5 of 2", p.TBDC, p.Tracks)
	}
	// In one of eleven it is not found.
	start()
	add(heatAt(2, 2, 4, 4, 1), Box{Track: 1, X: 2, Y: 2, W: 4, H: 4})
	for range 10 {
		add(make([]float32, 256), Box{Track: 1, X: 2, Y: 2, W: 4, H: 4})
	}
	p.finish()
	if !near(p.TBDC, 0) {
		t.Errorf("TBDC %v of a track that is seen in one of eleven frames", p.TBDC)
	}
	// A hotter false region in six of ten frames: the track is found only from .6 false regions per frame on.
	start()
	add(heatAt(2, 2, 4, 4, 1), Box{Track: 1, X: 2, Y: 2, W: 4, H: 4})
	for range 6 {
		add(heatAt(12, 12, 2, 2, 2))
	}
	for range 3 {
		add(make([]float32, 256))
	}
	p.finish()
	if !near(p.TBDC, 0.4) {
		t.Errorf("TBDC %v, want .4", p.TBDC)
	}
	for _, beyond := range []Box{{X: 15, Y: 0, W: 2, H: 1}, {X: 0, Y: 15, W: 1, H: 2}} {
		if err := p.add(heatAt(0, 0, 1, 1, 1), blank, []Box{beyond}); err == nil {
			t.Errorf("a box beyond the mask was taken: %v", beyond)
		}
	}
	if err := p.add(make([]float32, 10), blank, nil); err == nil {
		t.Error("a map that is no square was taken")
	}
}

func TestSmoothing(t *testing.T) {
	var s smoother
	heat := heatAt(8, 8, 1, 1, 16)
	for window, want := range map[int][2]float32{1: {16, 0}, 2: {4, 4}, 4: {1, 1}} {
		got := s.mean(heat, 16, window)
		if got[8*16+8] != want[0] || got[8*16+7] != want[1] {
			t.Errorf("window %d: %v at the pixel, %v to its left, want %v", window, got[8*16+8], got[8*16+7], want)
		}
	}
	// At the border, only pixels inside the picture count.
	if got := s.mean(heatAt(0, 0, 16, 16, 3), 16, 5); got[0] != 3 || got[255] != 3 {
		t.Errorf("corners %v and %v of an even map", got[0], got[255])
	}
}

// BenchmarkPixels measures the pixel figures of a frame of Ped2 with preset fast.
func BenchmarkPixels(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	heat := make([]float32, 128*128)
	for i := range heat {
		heat[i] = r.Float32()
	}
	mask := &Mask{360, 240, make([]bool, 360*240)}
	for y := 100; y < 140; y++ {
		for x := 50; x < 80; x++ {
			mask.Abnormal[y*360+x] = true
		}
	}
	var p Pixels
	for b.Loop() {
		if err := p.add(heat, mask, nil); err != nil {
			b.Fatal(err)
		}
	}
}
