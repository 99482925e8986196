package synth

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
)

// Write writes a video of a data set in dir: the folder test/NAME with a picture of each frame, and labels/NAME.csv.
func (m Labelled) Write(ctx context.Context, dir, name string) error {
	folder := filepath.Join(dir, "test", name)
	if err := os.Mkdir(folder, 0o755); err != nil {
		return err
	}
	labels := &strings.Builder{}
	fmt.Fprintln(labels, "frame,label")
	encoder := png.Encoder{CompressionLevel: png.BestSpeed}
	area := m.Width * m.Height
	for t, abnormal := range m.Abnormal {
		if err := ctx.Err(); err != nil {
			return err
		}
		label := 0
		if abnormal {
			label = 1
		}
		fmt.Fprintf(labels, "%d,%d\n", t, label)
		img := &image.Gray{Pix: m.Gray[t*area:][:area], Stride: m.Width, Rect: image.Rect(0, 0, m.Width, m.Height)}
		file, err := os.Create(filepath.Join(folder, fmt.Sprintf("%06d.png", t)))
		if err != nil {
			return err
		}
		if err := errors.Join(encoder.Encode(file, img), file.Close()); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, "labels", name+".csv"), []byte(labels.String()), 0o644)
}
