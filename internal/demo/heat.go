package demo

import (
	"fmt"
	"image/png"
	"math"
	"slices"

	"vigil/alerts"
	"vigil/internal/draw"
	"vigil/internal/output"
	"vigil/internal/scene"
	"vigil/pipeline/detect"
)

// heatMaps are the error maps of the abnormal clips, by the frame that each shows.
type heatMaps map[uint64][]float32

// keep stores the map of a clip that may become an alert's peak.
func (h heatMaps) keep(c detect.Clip) {
	if len(c.Boxes) > 0 {
		h[c.ScoredCentre.Frame] = slices.Clone(c.Map)
	}
}

// save draws the frame of an alert's peak with the error map over it, in red, and the alert's boxes.
func (h heatMaps) save(path string, street *scene.Street, a alerts.Alert) error {
	heat, ok := h[a.Peak.Frame]
	if !ok {
		return fmt.Errorf("%s: no error map of frame %d was kept", path, a.Peak.Frame)
	}
	width, height := street.Size()
	img := draw.Picture(street.Frame(int(a.Peak.Frame), nil), width, height, 3)
	draw.Heat(img, heat, int(math.Sqrt(float64(len(heat)))))
	draw.Boxes(img, a.Boxes)
	f, err := output.Create(path, 0o644)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() { _ = f.Discard() }()
	if err := png.Encode(f, img); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := f.Commit(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
