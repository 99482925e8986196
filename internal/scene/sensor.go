package scene

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
)

// sensor simulates a cheap network camera.
type sensor struct {
	seed    uint64
	quality int
	noise   []int8 // A strip of Gaussian noise; each row of a frame reads it from a random offset.
	curve   [256]uint8
	file    bytes.Buffer
}

const (
	noiseStrip = 1 << 16
	noiseLevel = 3 // Standard deviation in grey levels, for each colour.
)

func newSensor(cfg Config) sensor {
	s := sensor{seed: cfg.daySeed(), quality: cfg.Quality, noise: make([]int8, noiseStrip+3*cfg.Width)}
	r := rngFor(cfg.Seed, rngNoise, -1)
	for i := range s.noise {
		s.noise[i] = int8(max(-127, min(127, noiseLevel*r.NormFloat64())))
	}
	return s
}

// expose applies the light's gain and, if noisy, the noise of that frame.
func (s *sensor) expose(on *image.RGBA, frame int, gain float64, noisy bool) {
	for i := range s.curve {
		s.curve[i] = uint8(min(255, float64(i)*gain+0.5))
	}
	width := on.Rect.Dx()
	r := rngFor(s.seed, rngNoise, frame)
	for y := range on.Rect.Dy() {
		row := on.Pix[y*on.Stride : y*on.Stride+4*width]
		if !noisy {
			for i, v := range row {
				row[i] = s.curve[v]
			}
			continue
		}
		noise := s.noise[r.IntN(noiseStrip):][:3*width]
		for x := range width {
			q, n := row[4*x:4*x+3:4*x+3], noise[3*x:3*x+3:3*x+3]
			q[0] = add(s.curve[q[0]], n[0])
			q[1] = add(s.curve[q[1]], n[1])
			q[2] = add(s.curve[q[2]], n[2])
		}
	}
}

func add(v uint8, n int8) uint8 { return uint8(max(0, min(255, int(v)+int(n)))) }

// compress returns the frame as the camera's JPEG; the bytes are valid until the next call.
func (s *sensor) compress(picture *image.RGBA) []byte {
	s.file.Reset()
	// Writing to a buffer cannot fail, and Config has checked the size.
	if err := jpeg.Encode(&s.file, picture, &jpeg.Options{Quality: s.quality}); err != nil {
		panic(fmt.Sprintf("JPEG of a %v picture: %v", picture.Rect, err))
	}
	return s.file.Bytes()
}

// decode decodes a JPEG from compress into BGR pixels.
func decode(file []byte, bgr []byte) {
	picture, err := jpeg.Decode(bytes.NewReader(file))
	if err != nil {
		panic(fmt.Sprintf("reading a JPEG just written: %v", err))
	}
	p := picture.(*image.YCbCr)
	width := p.Rect.Dx()
	for y := range p.Rect.Dy() {
		luma := p.Y[p.YOffset(0, y):][:width]
		chroma := p.COffset(0, y)
		blue, red := p.Cb[chroma:], p.Cr[chroma:]
		out := bgr[3*y*width:][:3*width]
		for x, l := range luma {
			// JFIF's conversion in 16.16 fixed point.
			yy, cb, cr := int32(l)*0x10101, int32(blue[x/2])-128, int32(red[x/2])-128
			q := out[3*x : 3*x+3 : 3*x+3]
			q[0] = clamp16(yy + 116130*cb)
			q[1] = clamp16(yy - 22554*cb - 46802*cr)
			q[2] = clamp16(yy + 91881*cr)
		}
	}
}

func clamp16(v int32) uint8 { return uint8(max(0, min(255, v>>16))) }
