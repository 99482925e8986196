package tamper

import (
	"math"
	"math/rand/v2"
	"slices"
)

// The size at which places are changed, before they are reduced for the model.
const (
	wide, high = 360, 240
)

// effect changes a frame, [high][wide], in place; t is the time in seconds since the onset. Before the onset it is not
// called, and after its end only if it lasts.
type effect func(frame []byte, t float64)

// kind is a kind of effect.
type kind struct {
	name   string
	want   []Reason // that name it; none if the camera must stay trusted
	make   func(r *rand.Rand) effect
	length float64 // in seconds; 0 to the end
}

func each(frame []byte, f func(x, y int, v float64) float64) {
	for y := range high {
		for x := range wide {
			i := y*wide + x
			frame[i] = clip(f(x, y, float64(frame[i])))
		}
	}
}

func clip(v float64) byte { return byte(max(0, min(255, v+0.5))) }

// strip is Gaussian noise of deviation 1.
var strip = func() []float64 {
	r := rand.New(rand.NewPCG(1, 2))
	s := make([]float64, 1<<16)
	for i := range s {
		s[i] = r.NormFloat64()
	}
	return s
}()

// noiseOf reads the strip from a random place on.
func noiseOf(r *rand.Rand) func() float64 {
	i := r.IntN(len(strip))
	return func() float64 { i++; return strip[i%len(strip)] }
}

func uniform(r *rand.Rand, lo, hi float64) float64 { return lo + (hi-lo)*r.Float64() }

// gain multiplies, with the noise of the sensor.
func gain(by, over float64) func(*rand.Rand) effect {
	return func(r *rand.Rand) effect {
		return func(frame []byte, t float64) {
			noise := noiseOf(r)
			f := 1 + (by-1)*min(1, t/over)
			for i, v := range frame {
				frame[i] = clip(f*float64(v) + 0.7*noise())
			}
		}
	}
}

// cover moves a smooth thing over the picture within a second; it fills part of the width.
func cover(part, tone float64) func(*rand.Rand) effect {
	return func(r *rand.Rand) effect {
		slope, phase, side := uniform(r, -0.2, 0.2), uniform(r, 0, 6), r.IntN(2)
		return func(frame []byte, t float64) {
			noise := noiseOf(r)
			edge := part * min(1, t) * wide
			each(frame, func(x, y int, v float64) float64 {
				if side == 1 {
					x = wide - 1 - x
				}
				over := edge - float64(x) - slope*float64(y-high/2)
				if part < 1 {
					over = edge - float64(x)
				}
				soft := max(0, min(1, over/25+1))
				if part == 1 && t > 1 {
					soft = 1
				}
				own := tone + 12*math.Sin(float64(x)/90+phase) + 8*math.Cos(float64(y)/70) + 1.2*noise()
				return v + soft*(own-v)
			})
		}
	}
}

// cloth is a blurred weave over the whole lens.
func cloth(r *rand.Rand) effect {
	fold, phase := uniform(r, 30, 60), uniform(r, 0, 6)
	return func(frame []byte, t float64) {
		noise := noiseOf(r)
		edge := min(1, t) * (high + 30)
		each(frame, func(x, y int, v float64) float64 {
			soft := max(0, min(1, (edge-float64(y))/30))
			own := 110 + 30*math.Sin(float64(x)/fold+phase+math.Sin(float64(y)/80)) + 6*math.Sin(float64(x+y)/7) +
				1.2*noise()
			return v + soft*(own-v)
		})
	}
}

// blur is a defocused lens.
func blur(sigma float64) func(*rand.Rand) effect {
	return func(r *rand.Rand) effect {
		radius := int(math.Ceil(3 * sigma))
		taps := make([]float64, 2*radius+1)
		sum := 0.
		for i := range taps {
			taps[i] = math.Exp(-float64((i-radius)*(i-radius)) / (2 * sigma * sigma))
			sum += taps[i]
		}
		half := make([]float64, wide*high)
		return func(frame []byte, _ float64) {
			noise := noiseOf(r)
			for y := range high {
				for x := range wide {
					s := 0.
					for i, c := range taps {
						s += c * float64(frame[y*wide+max(0, min(wide-1, x+i-radius))])
					}
					half[y*wide+x] = s / sum
				}
			}
			for y := range high {
				for x := range wide {
					s := 0.
					for i, c := range taps {
						s += c * half[max(0, min(high-1, y+i-radius))*wide+x]
					}
					frame[y*wide+x] = clip(s/sum + 1.5*noise())
				}
			}
		}
	}
}

// spray is blobs of paint that grow for two seconds.
func spray(blobs int, tone float64) func(*rand.Rand) effect {
	return func(r *rand.Rand) effect {
		type blob struct{ x, y, radius, start float64 }
		all := make([]blob, blobs)
		for i := range all {
			all[i] = blob{uniform(r, 0, wide), uniform(r, 0, high), uniform(r, 22, 55), uniform(r, 0, 1)}
		}
		return func(frame []byte, t float64) {
			each(frame, func(x, y int, v float64) float64 {
				paint := 0.
				for _, b := range all {
					size := b.radius * max(0, min(1, t-b.start))
					d := math.Hypot(float64(x)-b.x, float64(y)-b.y)
					paint = max(paint, min(1, (size-d)/8))
				}
				return v + paint*(tone-v)
			})
		}
	}
}

// warp shows the frame moved by (dx, dy) pixels and turned by an angle; beyond the border it continues mirrored.
func warp(dx, dy, degrees float64) func(*rand.Rand) effect {
	return func(r *rand.Rand) effect {
		sign := float64(2*r.IntN(2) - 1)
		sin, cos := math.Sincos(sign * degrees * math.Pi / 180)
		old := make([]byte, wide*high)
		return func(frame []byte, t float64) {
			copy(old, frame)
			part := min(1, t/0.5)
			mirror := func(v float64, n int) float64 {
				v = math.Abs(v)
				if over := v - float64(n-1); over > 0 {
					v = float64(n-1) - over
				}
				return max(0, min(float64(n)-1.001, v))
			}
			for y := range high {
				for x := range wide {
					px, py := float64(x)-wide/2-sign*dx*part, float64(y)-high/2-dy*part
					sx := mirror(cos*px+sin*py+wide/2, wide)
					sy := mirror(cos*py-sin*px+high/2, high)
					ix, iy := int(sx), int(sy)
					fx, fy := sx-float64(ix), sy-float64(iy)
					i := iy*wide + ix
					top := float64(old[i])*(1-fx) + float64(old[i+1])*fx
					low := float64(old[i+wide])*(1-fx) + float64(old[i+wide+1])*fx
					frame[y*wide+x] = clip(top*(1-fy) + low*fy)
				}
			}
		}
	}
}

// zoomIn shows, after 1.2 s, a part of the scene at a factor, as a camera that was turned elsewhere.
func zoomIn(factor float64) func(*rand.Rand) effect {
	return func(r *rand.Rand) effect {
		left, top := uniform(r, 0, 1), uniform(r, 0, 1)
		old := make([]byte, wide*high)
		return func(frame []byte, t float64) {
			copy(old, frame)
			scale := 1 / (1 + (factor-1)*min(1, t/1.2))
			for y := range high {
				for x := range wide {
					sx := scale*float64(x) + (1-scale)*left*(wide-2)
					sy := scale*float64(y) + (1-scale)*top*(high-2)
					ix, iy := min(int(sx), wide-2), min(int(sy), high-2)
					fx, fy := sx-float64(ix), sy-float64(iy)
					i := iy*wide + ix
					above := float64(old[i])*(1-fx) + float64(old[i+1])*fx
					below := float64(old[i+wide])*(1-fx) + float64(old[i+wide+1])*fx
					frame[y*wide+x] = clip(above*(1-fy) + below*fy)
				}
			}
		}
	}
}

// glow is a lamp in the lens.
func glow(r *rand.Rand) effect {
	cx, cy := uniform(r, 0.3, 0.7)*wide, uniform(r, 0.3, 0.7)*high
	return func(frame []byte, t float64) {
		power := min(1, t/0.3)
		each(frame, func(x, y int, v float64) float64 {
			d := math.Hypot(float64(x)-cx, float64(y)-cy)
			return v + power*(70+400*math.Exp(-d*d/(2*110*110)))
		})
	}
}

// freeze repeats the frame of the onset, with so much noise of a coder.
func freeze(amount float64) func(*rand.Rand) effect {
	return func(r *rand.Rand) effect {
		var first []byte
		return func(frame []byte, _ float64) {
			noise := noiseOf(r)
			if first == nil {
				first = slices.Clone(frame)
			}
			copy(frame, first)
			if amount > 0 {
				for i, v := range frame {
					frame[i] = clip(float64(v) + amount*noise())
				}
			}
		}
	}
}

// What follows must leave the camera trusted.

func gamma(to, over float64) func(*rand.Rand) effect {
	return func(*rand.Rand) effect {
		return func(frame []byte, t float64) {
			g := math.Exp(math.Log(to) * min(1, t/over))
			for i, v := range frame {
				frame[i] = clip(255 * math.Pow(float64(v)/255, g))
			}
		}
	}
}

// infrared inverts the brighter tones and lowers the contrast at once.
func infrared(r *rand.Rand) effect {
	fold := uniform(r, 120, 160)
	return func(frame []byte, _ float64) {
		noise := noiseOf(r)
		for i, b := range frame {
			v := float64(b)
			if v > fold {
				v = fold - 0.8*(v-fold)
			}
			frame[i] = clip(30 + 0.65*v + 1.5*noise())
		}
	}
}

func rain(r *rand.Rand) effect {
	return func(frame []byte, _ float64) {
		for range 220 {
			x, y, n := r.IntN(wide), r.IntN(high), 8+r.IntN(18)
			for i := range n {
				if yy, xx := y+i, x+i/5; yy < high && xx < wide {
					frame[yy*wide+xx] = clip(float64(frame[yy*wide+xx]) + 45)
				}
			}
		}
		for i, v := range frame {
			frame[i] = clip(12 + 0.88*float64(v))
		}
	}
}

// lorry drives in, covers part of the picture with its side and stops.
func lorry(part float64, plain bool) func(*rand.Rand) effect {
	return func(r *rand.Rand) effect {
		tone, height := uniform(r, 60, 200), 0.75
		length := part / height * wide
		sign := r.IntN(2)
		return func(frame []byte, t float64) {
			noise := noiseOf(r)
			right := min(1, t/2) * (wide*0.5 + length/2)
			each(frame, func(x, y int, v float64) float64 {
				if sign == 1 {
					x = wide - 1 - x
				}
				u, w := right-float64(x), float64(y)/high-0.15
				switch {
				case u < 0 || u > length || w < 0 || w > height:
					return v
				case w > 0.68: // wheels and shadow
					return 25 + 15*math.Sin(u/9)
				case plain:
					return tone + 1.5*noise()
				case u < length/5: // cab
					return tone/2 + 40*math.Sin(w*20)
				case int(u)%40 < 2, math.Abs(w-0.35) < 0.06 && int(u/6)%3 != 0: // seams, letters
					return 0.5 * tone
				}
				return tone + 1.5*noise()
			})
		}
	}
}

// person stands before the camera, sways, and covers part of the picture.
func person(part float64) func(*rand.Rand) effect {
	return func(r *rand.Rand) effect {
		tone, fold := uniform(r, 40, 170), uniform(r, 14, 30)
		side := float64(2*r.IntN(2) - 1)
		return func(frame []byte, t float64) {
			noise := noiseOf(r)
			in := min(1, t/1.2) * min(1, max(0, 6-t)/0.8)
			cx := wide/2 + side*(1-in)*wide + 6*math.Sin(1.7*t) + 3*math.Sin(4.1*t)
			half := part * wide / 2 * 1.12
			each(frame, func(x, y int, v float64) float64 {
				u := math.Abs(float64(x) - cx)
				w := half
				if float64(y) < high*0.3 {
					w = half * 0.45
				}
				if u > w {
					return v
				}
				if float64(y) < high*0.3 {
					return 150 + 25*math.Sin((float64(x)-cx)/13)*math.Cos(float64(y)/9)
				}
				s := (float64(x) - cx) / fold
				return tone + 18*math.Sin(s+0.4*math.Sin(2*t)+float64(y)/60) + 10*math.Sin(2.3*s+0.8*math.Sin(1.1*t)) +
					2*noise()
			})
		}
	}
}

func nothing(*rand.Rand) effect { return func([]byte, float64) {} }

// kinds are all kinds, first the tampering.
func kinds() []kind {
	return []kind{
		{"covered by a dark bag", []Reason{Covered, Dark}, cover(1, 25), 0},
		{"covered by a hand", []Reason{Covered}, cover(1, 120), 0},
		{"covered by a cloth", []Reason{Covered}, cloth, 0},
		{"covered to 9/10", []Reason{Covered}, cover(0.9, 90), 0},
		{"defocused 1.5 px", []Reason{Defocused}, blur(1.5), 0},
		{"defocused 3 px", []Reason{Defocused}, blur(3), 0},
		{"defocused 6 px", []Reason{Defocused}, blur(6), 0},
		{"sprayed, 16 blobs", []Reason{Sprayed, Covered}, spray(16, 40), 0},
		{"sprayed, 30 blobs", []Reason{Sprayed, Covered}, spray(30, 210), 0},
		{"sprayed, 60 blobs", []Reason{Sprayed, Covered}, spray(60, 40), 0},
		{"moved 4 px", []Reason{Moved}, warp(4, 0, 0), 0},
		{"moved 8 px", []Reason{Moved}, warp(6, 5, 0), 0},
		{"moved 10 px", []Reason{Moved}, warp(10, 0, 0), 0},
		{"moved 20 px", []Reason{Moved}, warp(18, 8, 0), 0},
		{"turned 2 degrees", []Reason{Turned, Moved}, warp(0, 0, 2), 0},
		{"turned 5 degrees", []Reason{Turned}, warp(0, 0, 5), 0},
		{"turned 10 degrees", []Reason{Turned}, warp(0, 0, 10), 0},
		{"panned by a third", []Reason{Turned, Moved}, warp(wide/3, 0, 0), 0},
		{"panned away", []Reason{Turned}, warp(0.8*wide, 20, 0), 0},
		{"turned slowly", []Reason{Turned, Moved}, zoomIn(1.5), 0},
		{"lights to 35 %", []Reason{Dark}, gain(0.35, 0.3), 0},
		{"lights to 5 %", []Reason{Dark}, gain(0.05, 0.3), 0},
		{"blinded by a lamp", []Reason{Blinded}, glow, 0},
		{"frozen, equal", []Reason{Frozen}, freeze(0), 0},
		{"frozen, coder's noise", []Reason{Frozen}, freeze(0.4), 0},

		{"nothing", nil, nothing, 0},
		{"dusk in a minute", nil, gamma(2, 60), 0},
		{"dawn in a minute", nil, gamma(0.5, 60), 0},
		{"infrared at once", nil, infrared, 0},
		{"rain", nil, rain, 0},
		{"lorry of 40 %", nil, lorry(0.4, false), 20},
		{"plain lorry of 40 %", nil, lorry(0.4, true), 20},
		{"person of 70 %", nil, person(0.7), 6},
	}
}
