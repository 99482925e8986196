package train

import (
	"math"
	"sync/atomic"

	"vigil/model"
	"vigil/model/kernel"
)

// Adam's constants (Kingma and Ba, 2015), with PyTorch's defaults.
const (
	adamFirst   = 0.9
	adamSecond  = 0.999
	adamEpsilon = 1e-8
)

// adam is Adam, with decay AdamW (Loshchilov and Hutter, 2019). Its state is first, second and the number of steps.
type adam struct {
	first, second map[string][]float32 // moments of each parameter, by name
	decay         float64              // of all parameters except the memory's slots
	pool          *kernel.Pool
}

func newAdam(params []*parameter, pool *kernel.Pool, decay float64) *adam {
	a := &adam{first: map[string][]float32{}, second: map[string][]float32{}, decay: decay, pool: pool}
	for _, p := range params {
		a.first[p.name], a.second[p.name] = make([]float32, len(p.values)), make([]float32, len(p.values))
	}
	return a
}

// update applies step n, counted from 1, and clears the gradients.
func (a *adam) update(params []*parameter, rate float64, n int) error {
	size := float32(rate / (1 - math.Pow(adamFirst, float64(n))))
	scale := float32(1 / math.Sqrt(1-math.Pow(adamSecond, float64(n))))
	for _, p := range params {
		gradient, err := p.gradient()
		if err != nil {
			return err
		}
		retain := float32(1)
		if p.name != model.MemoryName {
			retain = float32(1 - rate*a.decay)
		}
		values := p.values[:len(gradient)]
		first, second := a.first[p.name][:len(gradient)], a.second[p.name][:len(gradient)]
		a.pool.Each((len(gradient)+adamChunk-1)/adamChunk, func(item int) {
			from := item * adamChunk
			to := min(from+adamChunk, len(gradient))
			adamStep(values[from:to], first[from:to], second[from:to], gradient[from:to], retain, size, scale)
		})
	}
	return nil
}

// adamChunk is how many values a thread takes at a time.
const adamChunk = 1 << 14

func adamStep(values, first, second, gradient []float32, retain, size, scale float32) {
	values, first, second = values[:len(gradient)], first[:len(gradient)], second[:len(gradient)]
	for i, g := range gradient {
		m := first[i] + (g-first[i])*(1-adamFirst)
		v := second[i]*adamSecond + g*g*(1-adamSecond)
		first[i], second[i] = m, v
		values[i] = values[i]*retain - size*m/(float32(math.Sqrt(float64(v)))*scale+adamEpsilon)
	}
	clear(gradient)
}

// gradientsFinite reports whether all gradients are finite.
func gradientsFinite(pool *kernel.Pool, params []*parameter) (bool, error) {
	var broken atomic.Bool
	for _, p := range params {
		gradient, err := p.gradient()
		if err != nil {
			return false, err
		}
		pool.Each((len(gradient)+adamChunk-1)/adamChunk, func(item int) {
			// 0 times a NaN or an infinity is NaN, and NaN propagates through the sum.
			var sum float32
			for _, g := range gradient[item*adamChunk : min((item+1)*adamChunk, len(gradient))] {
				sum += g * 0
			}
			if sum != 0 {
				broken.Store(true)
			}
		})
	}
	return !broken.Load(), nil
}
