package kinds

// canvas is a frame that is being drawn: it begins as the recording's.
type canvas struct {
	p      *Place
	source int    // the number of the recording's frame
	pix    []byte // [Height][Width]
	mask   []bool // [Height][Width], where it is abnormal
}

// all marks the whole picture.
func (c *canvas) all() {
	for i := range c.mask {
		c.mask[i] = true
	}
}

// level sets a pixel to a grey level.
func (c *canvas) level(i int, v float64) { c.pix[i] = toByte(v) }

func toByte(v float64) byte {
	switch {
	case v <= 0:
		return 0
	case v >= 255:
		return 255
	}
	return byte(v + 0.5)
}

// withNoise sets each pixel to a level, plus a share of the sensor's noise of that frame.
func (c *canvas) withNoise(share float64, level func(i, x, y int) float64) {
	frame, light := c.p.frame(c.source), c.p.light[c.source]
	i := 0
	for y := range c.p.Height {
		for x := range c.p.Width {
			c.pix[i] = toByte(level(i, x, y) + share*float64(c.p.noise(frame, light, i)))
			i++
		}
	}
}
