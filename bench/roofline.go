package bench

import (
	"bytes"
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"

	"vigil/internal/output"
)

// Colors are distinguishable for colour-blind people (Okabe and Ito).
var Colors = []color.RGBA{
	{R: 0, G: 114, B: 178, A: 255},
	{R: 213, G: 94, B: 0, A: 255},
	{R: 0, G: 158, B: 115, A: 255},
	{R: 204, G: 121, B: 167, A: 255},
	{R: 230, G: 159, B: 0, A: 255},
	{R: 86, G: 180, B: 233, A: 255},
}

var faint = color.RGBA{R: 225, G: 225, B: 225, A: 255}

func (r *Result) writeRoofline(path string) error {
	picture, err := r.Roofline()
	if err != nil {
		return fmt.Errorf("drawing the roofline: %w", err)
	}
	return output.Write(path, picture, 0o644)
}

// Roofline plots each layer's GFLOP/s over its arithmetic intensity, below the roofs of the machine's memory bandwidth
// and peak (Williams, Waterman and Patterson, 2009). It returns a PNG.
func (r *Result) Roofline() ([]byte, error) {
	p := NewPlot()
	p.Title.Text = fmt.Sprintf("%s, %d threads. Dots: layers; rings: whole clips", r.ISA, r.Threads)
	p.X.Label.Text, p.Y.Label.Text = "FLOP for a byte that must be moved", "GFLOP/s"
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.LogTicks{Prec: -1}, plot.LogTicks{Prec: -1}
	left, right, low := 0.5, 1000.0, r.Peak/100
	var clouds []plotter.XYs
	for _, name := range r.Names() {
		var points plotter.XYs
		for _, l := range append([]Layer{r.Presets[name].whole()}, r.Presets[name].Layers...) {
			if l.GFLOPS <= 0 {
				continue
			}
			at := plotter.XY{X: l.GFLOP * 1e9 / l.Bytes, Y: l.GFLOPS}
			points = append(points, at)
			left, right, low = min(left, at.X/2), max(right, at.X*2), min(low, at.Y/2)
		}
		clouds = append(clouds, points)
	}
	p.X.Min, p.X.Max = pow10(left, math.Floor), pow10(right, math.Ceil)
	p.Y.Min, p.Y.Max = pow10(low, math.Floor), pow10(r.Peak*1.05, math.Ceil)
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = faint, faint
	p.Add(grid)
	corner := r.Peak / r.Bandwidth
	start := max(p.X.Min, p.Y.Min/r.Bandwidth)
	roof, err := plotter.NewLine(plotter.XYs{
		{X: start, Y: start * r.Bandwidth},
		{X: corner, Y: r.Peak},
		{X: p.X.Max, Y: r.Peak},
	})
	if err != nil {
		return nil, err
	}
	roof.Width = vg.Points(1.4)
	p.Add(roof)
	for i, name := range r.Names() {
		layers, err := plotter.NewScatter(clouds[i][1:])
		if err != nil {
			return nil, err
		}
		layers.GlyphStyle = draw.GlyphStyle{
			Color: Colors[i%len(Colors)], Radius: vg.Points(3),
			Shape: draw.CircleGlyph{},
		}
		whole, err := plotter.NewScatter(clouds[i][:1])
		if err != nil {
			return nil, err
		}
		whole.GlyphStyle = draw.GlyphStyle{Color: Colors[i%len(Colors)], Radius: vg.Points(6), Shape: draw.RingGlyph{}}
		p.Add(layers, whole)
		p.Legend.Add(name, layers)
	}
	p.Legend.Add(fmt.Sprintf("%.0f GFLOP/s, %.0f GB/s", r.Peak, r.Bandwidth), roof)
	p.Legend.XOffs, p.Legend.YOffs = vg.Points(-6), vg.Points(30)
	return Render(p, 6*vg.Inch, 4*vg.Inch)
}

// whole is the clip as a single layer.
func (p *Preset) whole() Layer {
	all := Layer{GFLOP: p.GFLOP, GFLOPS: p.Forward.GFLOPS}
	for _, l := range p.Layers {
		all.Bytes += l.Bytes
	}
	return all
}

func pow10(v float64, round func(float64) float64) float64 { return math.Pow(10, round(math.Log10(v))) }

// NewPlot is a plot with the font of all plots here.
func NewPlot() *plot.Plot {
	p := plot.New()
	p.BackgroundColor = color.White
	for _, style := range []*text.Style{
		&p.Title.TextStyle, &p.X.Label.TextStyle, &p.Y.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label,
		&p.Legend.TextStyle,
	} {
		style.Font.Variant = "Sans"
	}
	return p
}

// Render draws a PNG.
func Render(p *plot.Plot, width, height vg.Length) ([]byte, error) {
	canvas := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(120))}
	p.Draw(draw.New(canvas))
	var out bytes.Buffer
	_, err := canvas.WriteTo(&out)
	return out.Bytes(), err
}
