package main

import (
	"slices"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"vigil/bench"
)

// bar is a median with its range, in GFLOP/s, at a position on the axis.
type bar struct{ at, median, low, high float64 }

// bars are those of one contender.
type bars []bar

func (b bars) Len() int                    { return len(b) }
func (b bars) XY(i int) (x, y float64)     { return b[i].at, b[i].median }
func (b bars) YError(i int) (l, h float64) { return b[i].median - b[i].low, b[i].high - b[i].median }

const barWidth = 0.18

// chart draws the rates of all contenders, with the range from the slowest round to the fastest. It returns a PNG.
func (f *Comparison) chart() ([]byte, error) {
	var names, groups []string
	byName := map[string]bars{}
	for _, c := range f.Contests {
		for _, task := range []string{forward, step} {
			for i := range c.Series {
				s := &c.Series[i]
				if s.Task != task || len(s.Seconds) == 0 {
					continue
				}
				if !slices.Contains(names, s.Name) {
					names = append(names, s.Name)
				}
				who := slices.Index(names, s.Name)
				gflop := c.gflop(task)
				byName[s.Name] = append(byName[s.Name], bar{
					at:     float64(len(groups)) + (float64(who)-1.5)*barWidth,
					median: gflop / bench.Quantile(s.Seconds, 0.5), low: gflop / slices.Max(s.Seconds),
					high: gflop / slices.Min(s.Seconds),
				})
			}
			groups = append(groups, c.Preset+" "+task)
		}
	}
	p := bench.NewPlot()
	p.Title.Text, p.Y.Label.Text = "More is faster; the line is the machine's peak", "GFLOP/s"
	p.NominalX(groups...)
	p.X.Min, p.X.Max = -0.6, float64(len(groups))-0.4
	grid := plotter.NewGrid()
	grid.Vertical.Width = 0
	p.Add(grid)
	for i, name := range names {
		for j, b := range byName[name] {
			body, err := plotter.NewPolygon(plotter.XYs{
				{X: b.at - barWidth/2, Y: 0},
				{X: b.at + barWidth/2, Y: 0},
				{X: b.at + barWidth/2, Y: b.median},
				{X: b.at - barWidth/2, Y: b.median},
			})
			if err != nil {
				return nil, err
			}
			body.Color, body.Width = bench.Colors[i%len(bench.Colors)], 0
			p.Add(body)
			if j == 0 {
				p.Legend.Add(name, body)
			}
		}
		spread, err := plotter.NewYErrorBars(byName[name])
		if err != nil {
			return nil, err
		}
		p.Add(spread)
	}
	top := f.peak()
	peak, err := plotter.NewLine(plotter.XYs{{X: p.X.Min, Y: top}, {X: p.X.Max, Y: top}})
	if err != nil {
		return nil, err
	}
	peak.Dashes = []vg.Length{vg.Points(4), vg.Points(3)}
	p.Add(peak)
	p.Y.Min, p.Y.Max = 0, max(p.Y.Max, top)*1.6
	p.Legend.Top, p.Legend.XOffs, p.Legend.YOffs = true, vg.Points(-8), vg.Points(-4)
	return bench.Render(p, 6*vg.Inch, 3.6*vg.Inch)
}
