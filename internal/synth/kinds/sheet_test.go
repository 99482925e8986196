package kinds

import (
	"bytes"
	"flag"
	"image"
	"image/jpeg"
	"os"
	"testing"

	"vigil/internal/scene"
	"vigil/internal/synth"
)

var update = flag.Bool("update", false, "draw the picture of docs/evaluation.md anew")

// sheetKinds are those of the picture of docs/evaluation.md, from the upper left to the lower right.
const sheetKinds = "fall,left,flames,fight,car,flying,sprayed,blinded,fog,insects,web,breakdown"

const (
	sheetColumns, sheetRows = 4, 3
	sheetWidth, sheetHeight = 208, 156 // of a picture
)

// TestSheet checks the size of the picture of docs/evaluation.md, which is of the drawn street.
func TestSheet(t *testing.T) {
	const path = "../../../docs/images/kinds.jpg"
	if *update {
		if err := os.WriteFile(path, sheet(t), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(data) > 150_000 {
		t.Errorf("%s has %d bytes", path, len(data))
	}
	size, err := jpeg.DecodeConfig(bytes.NewReader(data))
	if err != nil || size.Width != sheetColumns*(sheetWidth+2) || size.Height != sheetRows*(sheetHeight+2) {
		t.Errorf("%s: %+v, %v", path, size, err)
	}
}

func sheet(t *testing.T) []byte {
	t.Helper()
	s, err := scene.New(scene.Config{Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	width, height := s.Size()
	v := synth.Video{Width: width, Height: height}
	var bgr []byte
	for range 375 {
		bgr = s.Next(bgr)
		for i := 0; i < len(bgr); i += 3 {
			v.Gray = append(v.Gray, byte((int(bgr[i])+2*int(bgr[i+1])+int(bgr[i+2]))/4))
		}
	}
	p, err := New(Recording{v, s.FPS()})
	if err != nil {
		t.Fatal(err)
	}
	all, err := Select(sheetKinds)
	if err != nil {
		t.Fatal(err)
	}
	out := image.NewGray(image.Rect(0, 0, sheetColumns*(sheetWidth+2), sheetRows*(sheetHeight+2)))
	for i := range out.Pix {
		out.Pix[i] = 255
	}
	picture, mask := make([]byte, width*height), make([]bool, width*height)
	for n, k := range all {
		clip := makeOf(t, &k, p, 4, 1)
		var abnormal []int
		worst, most := 0, 0
		for f := range clip.Frames {
			if clip.Draw(f, picture, mask) {
				abnormal = append(abnormal, f)
				if n := differing(p, picture, clip.source+f, 20); n > most {
					worst, most = f, n
				}
			}
		}
		shown := abnormal[len(abnormal)*2/5]
		if k.Name == "breakdown" { // its damage comes and goes
			shown = worst
		}
		clip.Draw(shown, picture, mask)
		for y := range sheetHeight {
			for x := range sheetWidth {
				at := out.PixOffset(n%sheetColumns*(sheetWidth+2)+x, n/sheetColumns*(sheetHeight+2)+y)
				out.Pix[at] = byte(bilinear(picture, width, height, float64(x*width)/sheetWidth,
					float64(y*height)/sheetHeight))
			}
		}
	}
	var data bytes.Buffer
	if err := jpeg.Encode(&data, out, &jpeg.Options{Quality: 80}); err != nil {
		t.Fatal(err)
	}
	return data.Bytes()
}
