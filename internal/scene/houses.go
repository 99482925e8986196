package scene

import "math"

// houses is the row of house fronts behind the street: a wall colour for each, windows, doors.
type houses struct{ shift float64 }

// frontWidth is the width of one house in metres.
const frontWidth = 5.2

func newHouses(seed uint64) houses {
	return houses{uniform(rngFor(seed, rngGround, 0), 0, frontWidth)}
}

// colourAt is the colour of the wall at x metres to the right and y metres up.
func (h *houses) colourAt(t *texture, x, y float64) tone {
	x += h.shift
	house := math.Floor(x / frontWidth)
	in := x - house*frontWidth
	walls := [...]tone{{150, 96, 78}, {186, 176, 156}, {138, 128, 120}, {170, 140, 112}}
	wall := walls[int(t.hash(int(house), 0, 20)*float64(len(walls)))]
	// Rows of bricks are offset by half a brick; the joints are slightly lighter.
	row := math.Floor(y / 0.16)
	brick := math.Floor(in/0.42 + 0.5*math.Mod(row, 2))
	wall = wall.times(0.92 + 0.14*t.hash(int(brick)+100*int(house), int(row), 21))
	wall = wall.times(0.82 + 0.3*t.noise(x*0.8, y*0.8, 22))
	switch {
	case in < 0.09:
		return tone{70, 70, 72} // The drain pipe between two houses.
	case y < 0.45:
		return tone{98, 94, 90}.times(0.85 + 0.25*t.noise(x*2, y*4, 23))
	case inside(in, y, 0.7, 1.8, 0.45, 2.65):
		return h.door(t, int(house), in-0.7, y-0.45)
	case inside(in, y, 2.4, 3.6, 1.2, 2.6):
		return pane(t, int(house), 1, in-2.4, y-1.2, 1.2, 1.4)
	case inside(in, y, 3.95, 4.85, 1.2, 2.6):
		return pane(t, int(house), 2, in-3.95, y-1.2, 0.9, 1.4)
	case y > 3.05 && y < 3.2:
		return wall.times(1.15)
	}
	for i, left := range [...]float64{0.7, 2.45, 3.9} {
		if inside(in, y, left, left+1.05, 3.75, 5.3) {
			return pane(t, int(house), 3+i, in-left, y-3.75, 1.05, 1.55)
		}
	}
	return wall
}

func inside(x, y, x0, x1, y0, y1 float64) bool { return x >= x0 && x < x1 && y >= y0 && y < y1 }

func (h *houses) door(t *texture, house int, x, y float64) tone {
	colours := [...]tone{{62, 74, 66}, {84, 52, 44}, {58, 62, 84}, {112, 104, 92}}
	c := colours[int(t.hash(house, 1, 24)*float64(len(colours)))]
	switch {
	case x < 0.08 || x > 1.02 || y > 2.12:
		return tone{196, 190, 180}
	case inside(x, y, 0.25, 0.85, 1.2, 1.9):
		return tone{66, 74, 82}
	case inside(x, y, 0.25, 0.85, 0.2, 1):
		return c.times(0.85)
	}
	return c
}

// pane is a window: a light frame, dark glass with a bar across, some with a curtain.
func pane(t *texture, house, number int, x, y, width, height float64) tone {
	const frame = 0.07
	if x < frame || x > width-frame || y < frame || y > height-frame || math.Abs(x-width/2) < 0.03 {
		return tone{206, 202, 194}
	}
	glass := tone{58, 66, 76}.times(0.8 + 0.5*y/height)
	if t.hash(house, number, 25) < 0.5 && math.Abs(x-width/2) > width/4 {
		return tone{150, 144, 134}.times(0.8 + 0.2*math.Sin(40*x))
	}
	return glass
}

// lamp is the lamp post in the foreground.
func lamp(parts []part) figure {
	f := figure{parts: parts, z: 15.6}
	iron := rgb{52, 54, 56}
	f.limb(vec{-2.35, 0, f.z}, vec{-2.35, 0.9, f.z}, 0.08, 0.07, iron)
	f.limb(vec{-2.35, 0.9, f.z}, vec{-2.35, 7, f.z}, 0.05, 0.035, iron)
	return f
}
