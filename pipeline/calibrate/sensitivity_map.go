package calibrate

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"vigil/model"
)

// SensitivityMap attenuates cells that are noisy in normal video, such as a tree or a screen, by dividing their errors.
// A clip's error is that of its highest cell, so a noisy cell would otherwise be the highest all day and mask events
// elsewhere.
//
// It is a cap, not a normalisation. Dividing every cell by its own past would discard what the errors are worth: with
// weights of preset small the raw AUC on UCSD Ped2 falls from .953 to .908. Only cells that rise to more than twice the
// level of the quieter three quarters of the picture are reduced, to that level.
type SensitivityMap struct {
	Grid     int       `json:"grid"`     // cells in a row and in a column: model.CellGrid
	Divisors []float64 `json:"divisors"` // [Grid][Grid], row-major, at least 1
}

const (
	cellQuantile = 0.99 // of a cell's normal errors is the level that it rises to
	quietShare   = 0.75 // share of the active cells that count as quiet
	noisyFactor  = 2    // a cell is noisy above this multiple of the quiet cells' level
	// maxDivisor bounds the divisors: in an otherwise empty picture the quiet cells' level is almost 0.
	maxDivisor = 30

	cellCount = model.CellGrid * model.CellGrid
)

// fitSensitivity finds noisy cells from the Cells of normal clips, [clips][cellCount]; nil if there are none.
func fitSensitivity(cells []float32) *SensitivityMap {
	clips := len(cells) / cellCount
	if clips == 0 {
		return nil
	}
	column := make([]float64, clips)
	levels := make([]float64, cellCount)
	var active []int
	for i := range levels {
		for c := range column {
			column[c] = float64(cells[c*cellCount+i])
		}
		levels[i] = quantile(cellQuantile, column)
		// Masked cells have an error of 0.
		if column[clips-1] > 0 {
			active = append(active, i)
		}
	}
	slices.SortStableFunc(active, func(a, b int) int {
		switch {
		case levels[a] < levels[b]:
			return -1
		case levels[a] > levels[b]:
			return 1
		}
		return 0
	})
	quiet := active[:int(math.Ceil(quietShare*float64(len(active))))]
	for c := range column {
		column[c] = 0
		for _, i := range quiet {
			column[c] = max(column[c], float64(cells[c*cellCount+i]))
		}
	}
	limit := noisyFactor * quantile(cellQuantile, column)
	p := &SensitivityMap{Grid: model.CellGrid, Divisors: slices.Repeat([]float64{1}, cellCount)}
	if !(limit > 0) {
		return nil
	}
	noisy := false
	for i, r := range levels {
		p.Divisors[i] = min(max(1, r/limit), maxDivisor)
		noisy = noisy || p.Divisors[i] > 1
	}
	if !noisy {
		return nil
	}
	return p
}

// quantile sorts values in place.
func quantile(q float64, values []float64) float64 {
	slices.Sort(values)
	return stat.Quantile(q, stat.LinInterp, values, nil)
}

// ClipError returns a clip's error: the highest of its cells, each divided by its divisor.
func (m *SensitivityMap) ClipError(cells []float32) float64 {
	var worst float64
	for i, d := range m.Divisors {
		worst = max(worst, float64(cells[i])/d)
	}
	return worst
}

// Apply returns an error map [side][side] divided by the divisors of its cells; errs itself for a nil SensitivityMap.
func (m *SensitivityMap) Apply(errs []float32, side int) []float32 {
	if m == nil {
		return errs
	}
	out := make([]float32, len(errs))
	for i, e := range errs {
		out[i] = e / float32(m.Divisors[i/side*m.Grid/side*m.Grid+i%side*m.Grid/side])
	}
	return out
}

// Coverage returns the share of the picture whose errors are reduced, and the largest divisor; 0 and 1 for a nil
// SensitivityMap.
func (m *SensitivityMap) Coverage() (share, most float64) {
	if m == nil {
		return 0, 1
	}
	for _, d := range m.Divisors {
		if d > 1 {
			share += 1 / float64(len(m.Divisors))
		}
	}
	return share, slices.Max(m.Divisors)
}

func (m *SensitivityMap) check() error {
	if m == nil {
		return nil
	}
	if m.Grid != model.CellGrid || len(m.Divisors) != cellCount {
		return fmt.Errorf("places: a grid of %d with %d divisors, must be %d with %d", m.Grid, len(m.Divisors),
			model.CellGrid, cellCount)
	}
	for _, d := range m.Divisors {
		if !(d >= 1) || math.IsInf(d, 0) {
			return fmt.Errorf("places: a divisor is %g, must be at least 1", d)
		}
	}
	return nil
}
