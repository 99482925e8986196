package eval

import (
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
)

// Picture is a picture of a report.
type Picture struct {
	Name    string // of the file, without .png
	Caption string
	PNG     []byte
}

// Src is the picture as a data URL.
func (p Picture) Src() template.URL {
	return template.URL("data:image/png;base64," +
		base64.StdEncoding.EncodeToString(p.PNG)) //nolint:gosec // drawn by this package
}

// Report is a page about a Result, with its pictures.
type Report struct {
	Result         *Result
	ROC, PR        Picture
	Videos         []VideoPicture
	Misses, Alarms []Picture
	HasExamples    bool // misses and false alarms were collected
}

// VideoPicture is a plot of a video's scores and labels.
type VideoPicture struct {
	PerVideo
	Picture Picture
}

// NewReport draws the plots.
func NewReport(r *Result, recordings []Recording, t Thresholds) (*Report, error) {
	rep := &Report{Result: r, ROC: Picture{Name: "roc"}, PR: Picture{Name: "pr"}}
	var err error
	if rep.ROC.PNG, err = plotROC(r); err != nil {
		return nil, fmt.Errorf("draw the ROC: %w", err)
	}
	if rep.PR.PNG, err = plotPR(r); err != nil {
		return nil, fmt.Errorf("draw precision and recall: %w", err)
	}
	for i, v := range r.Videos {
		p := VideoPicture{PerVideo: v, Picture: Picture{Name: "video-" + fileName(v.Video)}}
		if p.Picture.PNG, err = plotVideo(recordings[i], v, t); err != nil {
			return nil, fmt.Errorf("draw %s: %w", v.Video, err)
		}
		rep.Videos = append(rep.Videos, p)
	}
	return rep, nil
}

// fileName replaces characters that are not safe in a file name.
func fileName(s string) string {
	return strings.Map(func(c rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, c) || c < ' ' {
			return '-'
		}
		return c
	}, s)
}

// Pictures lists all pictures.
func (r *Report) Pictures() []Picture {
	out := []Picture{r.ROC, r.PR}
	for _, v := range r.Videos {
		out = append(out, v.Picture)
	}
	return append(append(out, r.Misses...), r.Alarms...)
}

//go:embed report.html
var pageSource string

var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"percent": func(n Number) string {
		if !n.defined() {
			return "–"
		}
		return fmt.Sprintf("%.1f %%", 100*float64(n))
	},
	"seconds": func(n Number) string {
		if !n.defined() {
			return "–"
		}
		return fmt.Sprintf("%.1f s", float64(n))
	},
	"number": func(n Number) string {
		if !n.defined() {
			return "–"
		}
		return number4(float64(n))
	},
	"share": func(recall float64) string { return fmt.Sprintf("%g %%", 100*recall) },
	"dict":  func(name string, m *Measures) map[string]any { return map[string]any{"Name": name, "M": m} },
}).Parse(pageSource))

// Write writes the page as one self-contained file.
func (r *Report) Write(w io.Writer) error { return pageTemplate.Execute(w, r) }
