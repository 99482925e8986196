package eval

import (
	"errors"
	"io"
	"reflect"
	"testing"
)

func TestTracksOfMasks(t *testing.T) {
	for name, c := range map[string]struct {
		masks [][]string
		want  [][]int // the track of each region of each mask, numbered in the order of their appearance
	}{
		"nothing":  {[][]string{{"..."}, {"..."}}, [][]int{nil, nil}},
		"it stays": {[][]string{{"#.."}, {"#.."}}, [][]int{{0}, {0}}},
		"it moves": {
			[][]string{{"##..", "...."}, {".##.", "...."}, {"..##", "...."}},
			[][]int{{0}, {0}, {0}},
		},
		"it jumps":             {[][]string{{"##.."}, {"..##"}}, [][]int{{0}, {1}}},
		"a corner is no pixel": {[][]string{{"#.", ".."}, {"..", ".#"}}, [][]int{{0}, {1}}},
		"it is hidden once":    {[][]string{{"#.."}, {"..."}, {"#.."}}, [][]int{{0}, nil, {1}}},
		"two":                  {[][]string{{"#.#"}, {"#.#"}}, [][]int{{0, 1}, {0, 1}}},
		"it splits":            {[][]string{{"###"}, {"#.#"}, {"#.#"}}, [][]int{{0}, {0, 0}, {0, 0}}},
		"two merge":            {[][]string{{"#.#"}, {"###"}, {"###"}}, [][]int{{0, 0}, {0}, {0}}},
		"they merge and part":  {[][]string{{"#.#"}, {"###"}, {"#.#"}}, [][]int{{0, 0}, {0}, {0, 0}}},
		"four merge by pairs": {
			[][]string{{"#.#.#.#"}, {"###.###"}, {"#######"}},
			[][]int{{0, 0, 0, 0}, {0, 0}, {0}},
		},
		"a third stays apart":   {[][]string{{"#.#.#"}, {"###.#"}}, [][]int{{0, 0, 1}, {0, 1}}},
		"another size":          {[][]string{{"#.."}, {"#.", ".."}}, [][]int{{0}, {1}}},
		"diagonal in one frame": {[][]string{{"#.", ".#"}, {"#.", ".."}}, [][]int{{0}, {0}}},
	} {
		var tracks maskTracks
		var numbers [][]int
		for _, rows := range c.masks {
			var of []int
			for _, r := range tracks.follow(picture(rows...)) {
				of = append(of, r.track)
			}
			numbers = append(numbers, of)
		}
		short := map[int]int{}
		for _, of := range numbers {
			for i, number := range of {
				root := tracks.root(number)
				if _, known := short[root]; !known {
					short[root] = len(short)
				}
				of[i] = short[root]
			}
		}
		if !reflect.DeepEqual(numbers, c.want) {
			t.Errorf("%s: tracks %v, want %v", name, numbers, c.want)
		}
	}
}

// TestTracksOfVideos expects tracks that do not reach from one video into the next, whether they are of files or of
// masks.
func TestTracksOfVideos(t *testing.T) {
	spot, blank := &Mask{16, 16, make([]bool, 256)}, &Mask{16, 16, make([]bool, 256)}
	for i := range 16 {
		spot.Abnormal[(2+i/4)*16+2+i%4] = true
	}
	hot, cold := heatAt(2, 2, 4, 4, 1), make([]float32, 256)
	box := []Box{{Track: 1, X: 2, Y: 2, W: 4, H: 4}}
	var p Pixels
	add := func(heat []float32, mask *Mask, boxes []Box) {
		t.Helper()
		if err := p.add(heat, mask, boxes); err != nil {
			t.Fatal(err)
		}
	}
	// The same number in two files, and the same place in two videos with masks; each first one is found.
	p.startVideo(true)
	add(hot, blank, box)
	p.startVideo(true)
	add(cold, blank, box)
	p.startVideo(false)
	add(hot, spot, nil)
	p.startVideo(false)
	add(cold, spot, nil)
	p.finish()
	if p.Tracks != 4 || !near(p.TBDC, 0.5) || p.trackFiles != 2 {
		t.Errorf("TBDC %v of %d tracks with %d files, want .5 of 4 with 2", p.TBDC, p.Tracks, p.trackFiles)
	}
	// A mask without an error map holds a track together, and does not count for it: of 1 + 9 regions one is found.
	p = Pixels{}
	p.startVideo(false)
	add(hot, spot, nil)
	p.skip(spot)
	for range 9 {
		add(cold, spot, nil)
	}
	p.finish()
	if p.Tracks != 1 || !near(p.TBDC, 1) {
		t.Errorf("TBDC %v of %d tracks, want 1 of 1", p.TBDC, p.Tracks)
	}
	p.startVideo(false)
	add(hot, spot, nil)
	p.skip(blank)
	add(cold, spot, nil)
	p.finish()
	if p.Tracks != 3 {
		t.Errorf("%d tracks, want 1 and, with an empty mask between, 2", p.Tracks)
	}
}

func TestCursorPassesMasksOn(t *testing.T) {
	var passed []Mask
	masks := []Mask{*picture("#..."), *picture(".#.."), *picture("..#."), *picture("...#")}
	cursor := maskCursor{reader: &listed{masks: masks}, skip: func(m *Mask) {
		passed = append(passed, Mask{m.Width, m.Height, append([]bool(nil), m.Abnormal...)})
	}}
	if m, err := cursor.frame(t.Context(), 2); err != nil || !reflect.DeepEqual(*m, masks[2]) {
		t.Errorf("the mask of frame 2 is %v, %v", m, err)
	}
	if err := cursor.finish(t.Context(), 4); err != nil {
		t.Error(err)
	}
	if want := []Mask{masks[0], masks[1], masks[3]}; !reflect.DeepEqual(passed, want) {
		t.Errorf("passed on %v, want all but that of frame 2", passed)
	}
	if err := cursor.reader.Next(t.Context(), new(Mask)); !errors.Is(err, io.EOF) {
		t.Errorf("after the last mask: %v", err)
	}
}
