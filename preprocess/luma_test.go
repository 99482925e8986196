//go:build cgo && gocv_videoio

package preprocess

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"vigil/geometry"
)

// TestPrepareLuma checks that PrepareLuma agrees with OpenCV to within one level of grey, at every size and under a
// mask.
func TestPrepareLuma(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // Pictures need not be secret.
	for _, size := range [][3]int{
		{64, 48, 32},
		{640, 360, 256},
		{641, 363, 256},
		{1920, 1080, 256},
		{256, 256, 256},
		{257, 511, 256},
		{100, 9000, 32},
		{40, 20, 32},
	} {
		for _, mask := range [][]geometry.Polygon{nil, {geometry.Rect(0.2, 0.1, 0.55, 0.6)}} {
			w, h, side := size[0], size[1], size[2]
			t.Run(fmt.Sprintf("%dx%d to %d, mask %v", w, h, side, mask != nil), func(t *testing.T) {
				f := frame(w, h, 1, func(_, _, _ int) byte { return byte(rng.Uint32()) })
				p, q := NewPreparer(side, mask), NewPreparer(side, mask)
				defer p.Close()
				defer q.Close()
				want, err := p.Prepare(f)
				if err != nil {
					t.Fatal(err)
				}
				got, err := q.PrepareLuma(f)
				if err != nil {
					t.Fatal(err)
				}
				for i, v := range got.Gray {
					if d := int(v) - int(want.Gray[i]); d < -1 || d > 1 {
						t.Fatalf("pixel %d is %d, OpenCV's %d", i, v, want.Gray[i])
					}
				}
				got.Gray, want.Gray = nil, nil
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%+v, want %+v", got, want)
				}
			})
		}
	}
	white := frame(1920, 1080, 1, func(_, _, _ int) byte { return 255 })
	p := NewPreparer(256, nil)
	defer p.Close()
	pic, err := p.PrepareLuma(white)
	if err != nil || !bytes.Equal(pic.Gray, bytes.Repeat([]byte{255}, 256*256)) {
		t.Errorf("white does not stay white: %v", err)
	}
}
