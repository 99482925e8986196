package preprocess

import (
	"math"
	"slices"
	"testing"
	"time"

	"vigil/video"
)

const ms = time.Millisecond

// pictures returns n pictures of side 2, one every step, the first with sequence number from.
func pictures(n int, from uint64, start, step time.Duration) []video.Picture {
	out := make([]video.Picture, n)
	for i := range out {
		at := start + time.Duration(i)*step
		out[i] = video.Picture{
			Seq: from + uint64(i), PTS: at, Arrival: time.Unix(1000, 0).Add(at), Generation: 1,
			Width: 64, Height: 48, Side: 2, Gray: []byte{byte(from) + byte(i), 0, 127, 255},
		}
	}
	return out
}

// after changes every picture from the i-th on.
func after(i int, ps []video.Picture, change func(*video.Picture)) []video.Picture {
	for j := i; j < len(ps); j++ {
		change(&ps[j])
	}
	return ps
}

func shift(d time.Duration) func(*video.Picture) {
	return func(p *video.Picture) { p.PTS += d; p.Arrival = p.Arrival.Add(d) }
}

func late(d time.Duration) func(*video.Picture) {
	return func(p *video.Picture) { p.Arrival = p.Arrival.Add(d) }
}

// pushAll pushes all pictures and returns the first sequence number and the Gap of each cuboid.
func pushAll(w *Window, ps []video.Picture) (starts []uint64, gaps []bool) {
	var c video.Cuboid
	for _, p := range ps {
		if w.Push(p, &c) {
			starts, gaps = append(starts, c.Seq[0]), append(gaps, c.Gap)
		}
	}
	return starts, gaps
}

// TestPartialCuboids checks cuboids of fewer pictures, at the start and after a gap.
func TestPartialCuboids(t *testing.T) {
	w := NewWindow(WindowConfig{Side: 2, Hop: 4, SourceFPS: 10, PartialClips: true})
	ps := after(21, pictures(60, 0, 0, 100*ms), shift(time.Second))
	var c video.Cuboid
	type seen struct {
		first, last uint64
		pictures    int
		gap         bool
	}
	var got []seen
	for _, p := range ps {
		if !w.Push(p, &c) {
			continue
		}
		got = append(got, seen{c.Seq[0], c.Seq[video.CuboidFrames-1], c.Pictures, c.Gap})
		if fps := c.FPS(); math.Abs(fps-10) > 1e-9 {
			t.Errorf("%d pictures: %v frames a second", c.Pictures, fps)
		}
		for i := range video.CuboidFrames {
			// Backwards from the newest one picture at a time, and forwards again from the oldest.
			back, step := 0, 1
			for range video.CuboidFrames - 1 - i {
				if back+step < 0 || back+step >= c.Pictures {
					step = -step
				}
				back += step
			}
			if want := scaled[byte(c.Seq[video.CuboidFrames-1])-byte(back)]; c.X[4*i] != want {
				t.Errorf("%d pictures, frame %d: %v, want %v", c.Pictures, i, c.X[4*i], want)
			}
			if want := c.Seq[video.CuboidFrames-1] - uint64(min(video.CuboidFrames-1-i,
				c.Pictures-1)); c.Seq[i] != want ||
				c.PTS[i] != ps[want].PTS {
				t.Errorf("%d pictures, frame %d: number %d at %v, want %d", c.Pictures, i, c.Seq[i], c.PTS[i], want)
			}
		}
	}
	want := []seen{
		{0, 3, 4, false},
		{0, 7, 8, false},
		{0, 11, 12, false},
		{0, 15, 16, false},
		{4, 19, 16, false},
		{21, 24, 4, true},
		{21, 28, 8, false},
		{21, 32, 12, false},
		{21, 36, 16, false},
		{25, 40, 16, false},
	}
	if len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if s := w.Stats(); s.Partial != 6 || s.Cuboids != uint64(len(got)-6) || s.Gaps != 1 {
		t.Errorf("%+v", s)
	}
	// While the usual step is unknown, an uneven step prevents partial cuboids.
	w = NewWindow(WindowConfig{Side: 2, Hop: 1, SourceFPS: 25, PartialClips: true})
	for i, p := range after(4, pictures(8, 0, 0, 16*ms), shift(55*ms)) {
		if got := w.Push(p, &c); got != (i > 0 && i < 4) {
			t.Errorf("picture %d of an uneven stream: cuboid %v", i, got)
		}
	}
	// With hop 1 the first has two pictures: one has no motion.
	w = NewWindow(WindowConfig{Side: 2, Hop: 1, SourceFPS: 10, PartialClips: true})
	for i, p := range pictures(3, 0, 0, 100*ms) {
		if got := w.Push(p, &c); got != (i > 0) || got && c.Pictures != i+1 {
			t.Errorf("picture %d: cuboid %v of %d", i, got, c.Pictures)
		}
	}
}

func TestWindow(t *testing.T) {
	none := func(n int) []bool { return make([]bool, n) }
	tests := []struct {
		name   string
		cfg    WindowConfig
		in     []video.Picture
		starts []uint64
		gaps   []bool
		stats  Stats
	}{
		{
			"one short",
			WindowConfig{Hop: 1, SourceFPS: 10},
			pictures(15, 0, 0, 100*ms), nil, nil,
			Stats{15, 15, 0, 0, 0},
		},
		{
			"hop 1",
			WindowConfig{Hop: 1, SourceFPS: 10},
			pictures(18, 5, 0, 100*ms),
			[]uint64{5, 6, 7},
			none(3),
			Stats{18, 18, 3, 0, 0},
		},
		{
			"hop 8",
			WindowConfig{Hop: 8, SourceFPS: 10},
			pictures(33, 0, 0, 100*ms),
			[]uint64{0, 8, 16},
			none(3),
			Stats{33, 33, 3, 0, 0},
		},
		{
			"hop 16",
			WindowConfig{Hop: 16, SourceFPS: 10},
			pictures(48, 0, 0, 100*ms),
			[]uint64{0, 16, 32},
			none(3),
			Stats{48, 48, 3, 0, 0},
		},
		{
			"no hop is 16",
			WindowConfig{SourceFPS: 10},
			pictures(32, 0, 0, 100*ms),
			[]uint64{0, 16},
			none(2),
			Stats{32, 32, 2, 0, 0},
		},
		{
			"hop 20",
			WindowConfig{Hop: 20, SourceFPS: 10},
			pictures(56, 0, 0, 100*ms),
			[]uint64{0, 20, 40},
			none(3),
			Stats{56, 56, 3, 0, 0},
		},
		{
			"every second picture",
			WindowConfig{Hop: 16, FPS: 12.5, SourceFPS: 25},
			pictures(63, 0, 0, 40*ms),
			[]uint64{0, 32},
			none(2),
			Stats{63, 32, 2, 0, 0},
		},
		{
			"25 to 10 is every second or third",
			WindowConfig{Hop: 16, FPS: 10, SourceFPS: 25.0},
			pictures(79, 0, 0, 40*ms),
			[]uint64{0, 40},
			none(2),
			Stats{79, 32, 2, 0, 0},
		},
		{
			"slower than wanted",
			WindowConfig{Hop: 16, FPS: 25, SourceFPS: 10},
			pictures(16, 0, 0, 100*ms),
			[]uint64{0},
			none(1),
			Stats{16, 16, 1, 0, 0},
		},
		{
			// After 8 steps the rate is known and the window restarts with every second picture.
			"unknown rate",
			WindowConfig{Hop: 16, FPS: 12.5},
			pictures(8+31, 0, 0, 40*ms),
			[]uint64{8},
			none(1),
			Stats{39, 8 + 16, 1, 0, 0},
		},
		{
			"absurd rate",
			WindowConfig{Hop: 16, FPS: 12.5, SourceFPS: 90000},
			pictures(8+31, 0, 0, 40*ms),
			[]uint64{8},
			none(1),
			Stats{39, 8 + 16, 1, 0, 0},
		},
		{
			"unknown rate, all wanted",
			WindowConfig{Hop: 16},
			pictures(16, 0, 0, 40*ms),
			[]uint64{0},
			none(1),
			Stats{16, 16, 1, 0, 0},
		},
		{
			"gap while the rate is unknown",
			WindowConfig{Hop: 1},
			after(3, pictures(24, 0, 0, 40*ms), shift(60*ms)),
			[]uint64{8},
			[]bool{true},
			Stats{24, 24, 1, 0, 1},
		},
		{
			"step of twice the usual is none",
			WindowConfig{Hop: 1, SourceFPS: 10},
			after(10, pictures(17, 0, 0, 100*ms), shift(100*ms)),
			[]uint64{0, 1},
			none(2),
			Stats{17, 17, 2, 0, 0},
		},
		{
			"step over twice the usual",
			WindowConfig{Hop: 1, SourceFPS: 10},
			after(10, pictures(27, 0, 0, 100*ms), shift(101*ms)),
			[]uint64{10, 11},
			[]bool{true, false},
			Stats{27, 27, 2, 0, 1},
		},
		{
			"time goes back",
			WindowConfig{Hop: 1, SourceFPS: 10},
			after(20, pictures(36, 0, 0, 100*ms), func(p *video.Picture) { p.PTS -= 2 * time.Second }),
			[]uint64{0, 1, 2, 3, 4, 20},
			[]bool{false, false, false, false, false, true},
			Stats{36, 36, 6, 0, 1},
		},
		{
			"another opening",
			WindowConfig{Hop: 16, SourceFPS: 10},
			after(20, pictures(36, 0, 0, 100*ms), func(p *video.Picture) { p.Generation = 2 }),
			[]uint64{0, 20},
			[]bool{false, true},
			Stats{36, 36, 2, 0, 1},
		},
		{
			"another size",
			WindowConfig{Hop: 16, SourceFPS: 10},
			after(20, pictures(36, 0, 0, 100*ms), func(p *video.Picture) { p.Width = 32 }),
			[]uint64{0, 20},
			[]bool{false, true},
			Stats{36, 36, 2, 0, 1},
		},
		{
			"lost picture",
			WindowConfig{Hop: 16, SourceFPS: 10},
			after(20, pictures(36, 0, 0, 100*ms), func(p *video.Picture) { p.Seq++ }),
			[]uint64{0, 21},
			[]bool{false, true},
			Stats{36, 36, 2, 0, 1},
		},
		{
			"gap between pictures not taken",
			WindowConfig{Hop: 16, FPS: 12.5, SourceFPS: 25},
			after(40, pictures(40+31, 0, 0, 40*ms), shift(50*ms)),
			[]uint64{0, 40},
			[]bool{false, true},
			Stats{71, 36, 2, 0, 1},
		},
		{
			"late arrival of a live source",
			WindowConfig{Hop: 16, SourceFPS: 10, Live: true},
			after(20, pictures(36, 0, 0, 100*ms), late(101*ms)),
			[]uint64{0, 20},
			[]bool{false, true},
			Stats{36, 36, 2, 0, 1},
		},
		{
			"late arrival of a file",
			WindowConfig{Hop: 16, SourceFPS: 10},
			after(20, pictures(36, 0, 0, 100*ms), late(time.Hour)),
			[]uint64{0, 16},
			none(2),
			Stats{36, 36, 2, 0, 0},
		},
		{
			// Twice the usual step is not a gap, and soon every picture is taken.
			"a camera that slows down by half",
			WindowConfig{Hop: 16, FPS: 12.5, SourceFPS: 25},
			append(pictures(64, 0, 0, 40*ms), pictures(80, 64, 64*40*ms, 80*ms)...),
			[]uint64{0, 32, 64, 86, 104, 120},
			none(6),
			Stats{144, 104, 6, 0, 0},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.cfg.Side = 2
			w := NewWindow(tt.cfg)
			starts, gaps := pushAll(w, tt.in)
			if !slices.Equal(starts, tt.starts) || !slices.Equal(gaps, tt.gaps) {
				t.Errorf("cuboids start at %v, gaps %v; want %v, %v", starts, gaps, tt.starts, tt.gaps)
			}
			if got := w.Stats(); got != tt.stats {
				t.Errorf("stats %+v, want %+v", got, tt.stats)
			}
		})
	}
}

// TestWindowBursts checks that groups of pictures that arrive at once, every second or two, are not gaps once the usual
// pause is known.
func TestWindowBursts(t *testing.T) {
	for _, burst := range []int{2, 5, 25, 50, 64} {
		ps := pictures(40*burst+40, 0, 0, 40*ms)
		for i := range ps {
			ps[i].Arrival = time.Unix(1000, 0).Add(time.Duration(i/burst*burst)*40*ms + time.Duration(i%burst)*ms)
		}
		w := NewWindow(WindowConfig{Side: 2, Hop: 1, SourceFPS: 25, Live: true})
		pushAll(w, ps[:burst*8])
		learned := w.Stats().Gaps
		pushAll(w, ps[burst*8:])
		if got := w.Stats().Gaps; got != learned || learned > 5 {
			t.Errorf("bursts of %d: %d gaps while learning, %d after", burst, learned, got-learned)
		}
	}
}

// TestWindowPauseInBursts checks that a pause that is long even for a bursty source is a gap, and three of them do not
// make it usual.
func TestWindowPauseInBursts(t *testing.T) {
	ps := pictures(600, 0, 0, 40*ms)
	for i := range ps {
		ps[i].Arrival = time.Unix(1000, 0).Add(time.Duration(i/5*5) * 40 * ms)
	}
	for _, at := range []int{300, 350, 400, 450} {
		after(at, ps, late(5*time.Second))
	}
	w := NewWindow(WindowConfig{Side: 2, Hop: 1, SourceFPS: 25, Live: true})
	pushAll(w, ps)
	if got := w.Stats().Gaps; got != 4 {
		t.Errorf("%d gaps, want 4", got)
	}
}

func TestWindowJitter(t *testing.T) {
	ps := pictures(400, 0, 0, 40*ms)
	for i := range ps {
		d := time.Duration(i*7919%23-11) * ms // up to 11 ms to both sides
		ps[i].PTS += d
		ps[i].Arrival = ps[i].Arrival.Add(5 * d)
	}
	w := NewWindow(WindowConfig{Side: 2, Hop: 1, Live: true})
	pushAll(w, ps)
	if got := w.Stats(); got.Gaps != 0 || got.Cuboids != 385 {
		t.Errorf("stats %+v", got)
	}
}

func TestCuboid(t *testing.T) {
	ps := pictures(24, 0, 0, 100*ms)
	w := NewWindow(WindowConfig{Side: 2, Hop: 8, SourceFPS: 10})
	c := video.Cuboid{X: make([]float32, 100)}
	x := &c.X[0]
	var seen int
	for _, p := range ps {
		if !w.Push(p, &c) {
			clear(p.Gray) // the caller may reuse the pixels after Push
			continue
		}
		clear(p.Gray)
		if &c.X[0] != x || len(c.X) != video.CuboidFrames*4 {
			t.Fatalf("X was not reused, or has %d values", len(c.X))
		}
		for i := range video.CuboidFrames {
			seq := uint64(8*seen + i)
			want := []float32{float32(seq)/127.5 - 1, -1, float32(127)/127.5 - 1, 1}
			if got := c.X[4*i : 4*i+4]; !slices.Equal(got, want) {
				t.Errorf("cuboid %d, frame %d: %v, want %v", seen, i, got, want)
			}
			at := time.Duration(seq) * 100 * ms
			if c.Seq[i] != seq || c.PTS[i] != at || !c.Arrival[i].Equal(time.Unix(1000, 0).Add(at)) {
				t.Errorf("cuboid %d, frame %d: seq %d, pts %v, arrival %v", seen, i, c.Seq[i], c.PTS[i], c.Arrival[i])
			}
		}
		if c.Generation != 1 || c.Width != 64 || c.Height != 48 {
			t.Errorf("opening %d, %dx%d", c.Generation, c.Width, c.Height)
		}
		seen++
	}
	if seen != 2 {
		t.Errorf("%d cuboids, want 2", seen)
	}
}

func TestScaled(t *testing.T) {
	if scaled[0] != -1 || scaled[255] != 1 {
		t.Errorf("black is %v, white %v", scaled[0], scaled[255])
	}
	for v, got := range scaled {
		if math.Abs(float64(got)-(float64(v)/127.5-1)) > 1e-7 {
			t.Errorf("%d becomes %v", v, got)
		}
	}
}

// FuzzWindow pushes steps of every kind. The frames of a cuboid must be in the source's order, adjacent if every
// picture is wanted, of one opening and one size, and without a step back in time.
func FuzzWindow(f *testing.F) {
	f.Add([]byte("................................................................"), byte(1), byte(0), byte(10), false)
	f.Add([]byte("..........b..............................o........z............................"), byte(8), byte(10),
		byte(25), true)
	f.Add([]byte("GGGG..........................................................g......................"), byte(16),
		byte(5), byte(0), true)
	f.Fuzz(func(t *testing.T, steps []byte, hop, fps, sourceFPS byte, live bool) {
		w := NewWindow(WindowConfig{
			Side: 1, Hop: int(hop), FPS: float64(fps), SourceFPS: float64(sourceFPS),
			Live: live,
		})
		p := video.Picture{Generation: 1, Width: 8, Height: 8, Side: 1, Gray: []byte{0}, Arrival: time.Unix(0, 0)}
		history := map[uint64]video.Picture{}
		var c video.Cuboid
		for _, s := range steps {
			d := 40 * ms
			switch {
			case s == 'b':
				d = -time.Second
			case s == 'o':
				p.Generation++
			case s == 'z':
				p.Width = 24 - p.Width
			case s == 's':
				p.Seq++
			case s >= 'A' && s <= 'Z':
				d = time.Duration(s-'A') * 100 * ms
			case s >= 128:
				d = time.Duration(s) * ms / 3
			}
			p.Seq++
			p.PTS += d
			p.Arrival = p.Arrival.Add(max(d, 0))
			p.Gray[0] = byte(p.Seq)
			history[p.Seq] = p
			if w.Push(p, &c) {
				checkCuboid(t, &c, history, fps == 0)
			}
		}
	})
}

func checkCuboid(t *testing.T, c *video.Cuboid, history map[uint64]video.Picture, all bool) {
	t.Helper()
	for i := range video.CuboidFrames {
		if i > 0 && (c.Seq[i] <= c.Seq[i-1] || all && c.Seq[i] != c.Seq[i-1]+1) {
			t.Fatalf("frames %v are not in order, or some are left out", c.Seq)
		}
		if want := float32(byte(c.Seq[i]))/127.5 - 1; c.X[i] != want {
			t.Fatalf("frame %d has the pixels of another", c.Seq[i])
		}
	}
	for seq := c.Seq[0] + 1; seq <= c.Seq[video.CuboidFrames-1]; seq++ {
		p, ok := history[seq]
		before := history[seq-1]
		if !ok || p.Generation != c.Generation || p.Width != c.Width || before.Generation != c.Generation ||
			before.Width != c.Width || p.PTS < before.PTS {
			t.Fatalf("frames %v span a gap before %d", c.Seq, seq)
		}
	}
}
