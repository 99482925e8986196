package scene

import (
	"image"
	"math"
)

// The street, by distance from the camera in metres: paving for walkers, a gutter, a kerb, a pavement along the houses.
const (
	gutterAt   = 22.2
	kerbAt     = 22.5
	wallAt     = 24.3
	kerbHeight = 0.14
)

// backdrop draws the empty street in full light.
func (s *Street) backdrop() *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, s.cfg.Width, s.cfg.Height))
	t := texture{s.cfg.Seed}
	h := newHouses(s.cfg.Seed)
	// Several samples per pixel avoid aliasing of the joints between distant slabs.
	const samples = 3
	for y := range s.cfg.Height {
		for x := range s.cfg.Width {
			var sum [3]float64
			for i := range samples * samples {
				u := float64(x) + (float64(i%samples)+0.5)/samples
				v := float64(y) + (float64(i/samples)+0.5)/samples
				c := t.colourAt(&h, s.camera.elevation, s.camera.ray(u, v))
				sum[0] += c[0]
				sum[1] += c[1]
				sum[2] += c[2]
			}
			q := img.Pix[img.PixOffset(x, y):][:4:4]
			for i := range sum {
				q[i] = uint8(max(0, min(255, sum[i]/(samples*samples))))
			}
			q[3] = 255
		}
	}
	return img
}

// tone is a colour with more precision than rgb.
type tone [3]float64

func (c tone) times(f float64) tone { return tone{c[0] * f, c[1] * f, c[2] * f} }

// texture is the surface of the street.
type texture struct{ seed uint64 }

// colourAt is the colour in the direction of a ray from a camera so far above the ground.
func (t *texture) colourAt(h *houses, elevation float64, ray vec) tone {
	hit := func(y float64) (x, z float64) {
		k := (y - elevation) / ray.y
		return ray.x * k, ray.z * k
	}
	if ray.y < 0 {
		if x, z := hit(0); z < kerbAt {
			return t.ground(x, z)
		}
		x, z := hit(kerbHeight)
		switch {
		case z < kerbAt:
			return tone{120, 118, 114}.times(0.9 + 0.1*t.noise(x*3, 0.5, 9))
		case z < wallAt:
			return t.pavement(x, z)
		}
	}
	k := wallAt / ray.z
	return h.colourAt(t, ray.x*k, elevation+ray.y*k)
}

// ground is paved with slabs in rows, each with a slightly different brightness, and dirt on top.
func (t *texture) ground(x, z float64) tone {
	if z > gutterAt {
		return tone{104, 102, 98}.times(0.85 + 0.2*t.noise(x*4, z*4, 3))
	}
	const slab = 1
	row := math.Floor(z / slab)
	column := math.Floor(x/slab + 0.5*math.Mod(row, 2))
	base := tone{156, 151, 143}.times(0.93 + 0.12*t.hash(int(column), int(row), 1))
	du, dv := x/slab+0.5*math.Mod(row, 2)-column, z/slab-row
	if min(du, 1-du, dv, 1-dv) < 0.018 {
		base = base.times(0.78)
	}
	dirt := 0.5*t.noise(x*0.7, z*0.7, 4) + 0.3*t.noise(x*2.3, z*2.3, 5) + 0.2*t.noise(x*11, z*11, 6)
	return base.times(0.84 + 0.3*dirt)
}

// pavement is darker, with small stones, and darkest close to the houses, which block the light.
func (t *texture) pavement(x, z float64) tone {
	column, row := math.Floor(x*2.5), math.Floor(z*2.5)
	base := tone{132, 126, 120}.times(0.88 + 0.2*t.hash(int(column), int(row), 7))
	base = base.times(0.9 + 0.2*t.noise(x*3, z*3, 8))
	return base.times(min(1, 0.75+0.35*(wallAt-z)))
}

// hash is a fixed pseudo-random number in [0, 1) for an integer position; layers are independent.
func (t *texture) hash(x, y, layer int) float64 {
	h := t.seed ^ uint64(int64(x))*0x9e3779b97f4a7c15 ^ uint64(int64(y))*0xc2b2ae3d27d4eb4f ^ uint64(
		layer)*0x165667b19e3779f9
	h = (h ^ h>>31) * 0x7fb5d329728ea185
	h = (h ^ h>>27) * 0x81dadef4bc2dd44d
	return float64((h^h>>33)>>11) / (1 << 53)
}

// noise interpolates smoothly between the hashes of the surrounding integer positions.
func (t *texture) noise(x, y float64, layer int) float64 {
	fx, fy := math.Floor(x), math.Floor(y)
	ix, iy := int(fx), int(fy)
	du, dv := smoothstep(x-fx), smoothstep(y-fy)
	a, b := t.hash(ix, iy, layer), t.hash(ix+1, iy, layer)
	c, d := t.hash(ix, iy+1, layer), t.hash(ix+1, iy+1, layer)
	return (a*(1-du)+b*du)*(1-dv) + (c*(1-du)+d*du)*dv
}
