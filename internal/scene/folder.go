package scene

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"path/filepath"

	"vigil/internal/output"
)

// WriteFolder writes the first frames to a folder, which it creates if needed, as 000000.png and so on. format is
// "png", or "jpg" for the camera's own compressed frames. If the context is cancelled, it returns the context's error
// and keeps the frames written so far.
func (s *Street) WriteFolder(ctx context.Context, dir, format string, frames int) error {
	if format != "png" && format != "jpg" {
		return fmt.Errorf("frames as %q: the format must be png or jpg", format)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making the folder for the frames: %w", err)
	}
	picture := image.NewRGBA(s.picture.Rect)
	encoder := png.Encoder{CompressionLevel: png.BestSpeed}
	var bgr []byte
	for n := range frames {
		if err := ctx.Err(); err != nil {
			return err
		}
		path := filepath.Join(dir, fmt.Sprintf("%06d.%s", n, format))
		err := writeFile(path, func(w io.Writer) error {
			if format == "jpg" {
				s.draw(n)
				_, err := w.Write(s.sensor.compress(s.picture))
				return err
			}
			bgr = s.Frame(n, bgr)
			for i := range len(bgr) / 3 {
				q := picture.Pix[4*i : 4*i+4 : 4*i+4]
				q[0], q[1], q[2], q[3] = bgr[3*i+2], bgr[3*i+1], bgr[3*i], 255
			}
			return encoder.Encode(w, picture)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// WriteLabels writes a CSV with the header frame,label for the first frames; frames count from 0, and label is 1 if
// Truth is abnormal.
func (s *Street) WriteLabels(path string, frames int) error {
	return writeFile(path, func(w io.Writer) error {
		if _, err := fmt.Fprintln(w, "frame,label"); err != nil {
			return err
		}
		for n := range frames {
			label := 0
			if s.Truth(n).Abnormal {
				label = 1
			}
			if _, err := fmt.Fprintf(w, "%d,%d\n", n, label); err != nil {
				return err
			}
		}
		return nil
	})
}

// writeFile writes a file atomically.
func writeFile(path string, fill func(io.Writer) error) error {
	f, err := output.Create(path, 0o644)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer func() { _ = f.Discard() }()
	w := bufio.NewWriter(f)
	if err := errors.Join(fill(w), w.Flush()); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := f.Commit(); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}
