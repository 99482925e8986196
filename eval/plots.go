package eval

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
)

// The colours of the report are distinguishable for colour-blind people (Okabe and Ito).
var (
	blue     = color.RGBA{R: 0, G: 114, B: 178, A: 255}
	orange   = color.RGBA{R: 213, G: 94, B: 0, A: 255}
	green    = color.RGBA{R: 0, G: 158, B: 115, A: 255}
	purple   = color.RGBA{R: 204, G: 121, B: 167, A: 255}
	shade    = color.RGBA{R: 250, G: 224, B: 210, A: 255}
	gridGrey = color.RGBA{R: 225, G: 225, B: 225, A: 255}
	grey     = color.RGBA{R: 150, G: 150, B: 150, A: 255}
)

type curve struct {
	name   string
	points plotter.XYs
	color  color.Color
}

// render draws a PNG at twice the resolution of its size on the page.
func render(p *plot.Plot, width, height vg.Length) ([]byte, error) {
	p.BackgroundColor = color.White
	canvas := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(192))}
	p.Draw(draw.New(canvas))
	var out bytes.Buffer
	_, err := canvas.WriteTo(&out)
	return out.Bytes(), err
}

// newPlot sets the page's font.
func newPlot() *plot.Plot {
	p := plot.New()
	for _, style := range []*text.Style{
		&p.Title.TextStyle, &p.X.Label.TextStyle, &p.Y.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label,
		&p.Legend.TextStyle,
	} {
		style.Font.Variant = "Sans"
	}
	return p
}

// protocols lists the measured protocols with their names and colours.
func (r *Result) protocols() []struct {
	name  string
	m     *Measures
	color color.Color
} {
	type row = struct {
		name  string
		m     *Measures
		color color.Color
	}
	var out []row
	for _, p := range []row{
		{"paper", r.Paper, blue},
		{"raw", r.Raw, purple},
		{"live, start + 8", &r.Live.Measures, green},
		{"live, no delay", r.Live.NoDelay, orange},
	} {
		if p.m != nil {
			out = append(out, p)
		}
	}
	return out
}

// plotROC draws the ROC of every protocol.
func plotROC(r *Result) ([]byte, error) {
	curves := []curve{{"chance", plotter.XYs{{X: 0, Y: 0}, {X: 1, Y: 1}}, grey}}
	for _, p := range r.protocols() {
		c := curve{name: fmt.Sprintf("%s %s", p.name, p.m.MicroAUC), color: p.color}
		for _, at := range p.m.ROC {
			c.points = append(c.points, plotter.XY{X: at.FalsePositive, Y: at.TruePositive})
		}
		curves = append(curves, c)
	}
	return unitPlot("ROC", "false positive rate", "true positive rate", curves, false)
}

// plotPR draws precision against recall.
func plotPR(r *Result) ([]byte, error) {
	var curves []curve
	for _, p := range r.protocols() {
		c := curve{name: fmt.Sprintf("%s %s", p.name, p.m.AP), color: p.color}
		for i, at := range p.m.PR {
			if i == 0 {
				c.points = append(c.points, plotter.XY{X: 0, Y: at.Precision})
			}
			c.points = append(c.points, plotter.XY{X: at.Recall, Y: at.Precision})
		}
		curves = append(curves, c)
	}
	return unitPlot("Precision and recall", "recall", "precision", curves, true)
}

// unitPlot draws curves in the unit square.
func unitPlot(title, x, y string, curves []curve, legendLeft bool) ([]byte, error) {
	p := newPlot()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 1, 0, 1
	lines := plotter.NewGrid()
	lines.Vertical.Color, lines.Horizontal.Color = gridGrey, gridGrey
	p.Add(lines)
	for _, c := range curves {
		l, err := plotter.NewLine(c.points)
		if err != nil {
			return nil, err
		}
		l.Color, l.Width = c.color, vg.Points(1.6)
		if c.color == grey {
			l.Width, l.Dashes = vg.Points(1), []vg.Length{vg.Points(3), vg.Points(3)}
		}
		p.Add(l)
		p.Legend.Add(c.name, l)
	}
	p.Legend.Left, p.Legend.XOffs, p.Legend.YOffs = legendLeft, vg.Points(-8), vg.Points(8)
	if legendLeft {
		p.Legend.XOffs = vg.Points(8)
	}
	return render(p, 4.6*vg.Inch, 4.2*vg.Inch)
}

// plotVideo draws the errors of a video at their centre frames, with the labels, the threshold and the alarms. With two
// measures it draws the excess, whose threshold is 1.
func plotVideo(r Recording, v PerVideo, t Thresholds) ([]byte, error) {
	p := newPlot()
	p.X.Label.Text, p.Y.Label.Text = "frame", "error"
	p.X.Min, p.X.Max, p.Y.Min = 0, math.Max(1, float64(len(r.Abnormal))), 0
	th, known := t[r.Camera]
	scales, threshold := th.Scales(), th.Theta
	if len(scales) > 1 {
		p.Y.Label.Text, threshold = "of threshold", 1
	}
	var line plotter.XYs
	top := 0.0
	for _, c := range FullClips(r.Clips) {
		y := c.Error
		if len(scales) > 1 {
			applyScales(&c, scales)
			y = c.Excess
		}
		line = append(line, plotter.XY{X: float64(c.Centre.Frame), Y: y})
		top = math.Max(top, y)
		p.Y.Min = math.Min(p.Y.Min, y)
	}
	if known {
		top = math.Max(top, threshold)
	}
	if top <= p.Y.Min {
		top = p.Y.Min + 1
	}
	p.Y.Max = p.Y.Min + 1.15*(top-p.Y.Min)
	at := func(share float64) float64 { return p.Y.Min + share*(p.Y.Max-p.Y.Min) }
	for _, s := range v.Truth {
		if err := fillBox(p, float64(s.First), float64(s.Last+1), p.Y.Min, p.Y.Max, shade); err != nil {
			return nil, err
		}
	}
	for _, a := range v.Alarms {
		if err := fillBox(p, float64(a.First), float64(a.Last+1), at(0.95), at(0.99), orange); err != nil {
			return nil, err
		}
	}
	if known {
		l, err := plotter.NewLine(plotter.XYs{{X: 0, Y: threshold}, {X: p.X.Max, Y: threshold}})
		if err != nil {
			return nil, err
		}
		l.Color, l.Width, l.Dashes = grey, vg.Points(1), []vg.Length{vg.Points(4), vg.Points(3)}
		p.Add(l)
	}
	if len(line) > 0 {
		l, err := plotter.NewLine(line)
		if err != nil {
			return nil, err
		}
		l.Color, l.Width = blue, vg.Points(1.4)
		p.Add(l)
	}
	return render(p, 7*vg.Inch, 1.7*vg.Inch)
}

// fillBox fills a rectangle.
func fillBox(p *plot.Plot, left, right, bottom, top float64, c color.Color) error {
	b, err := plotter.NewPolygon(plotter.XYs{
		{X: left, Y: bottom},
		{X: right, Y: bottom},
		{X: right, Y: top},
		{X: left, Y: top},
	})
	if err != nil {
		return err
	}
	b.Color, b.Width = c, 0
	p.Add(b)
	return nil
}
