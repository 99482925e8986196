// Command make runs the commands whose outputs the pages quote, updates these outputs, and draws the pictures again. It
// needs bin/vigil, and VIGIL_DATA with UCSD Ped2. With arguments, only commands that contain one of them are run.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vigil/internal/docs"
)

// pictures are output files of the commands, and their destinations as JPEG.
var pictures = map[string]string{"street/alert-5.png": "docs/images/alert.jpg"}

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, only []string) (err error) {
	root, err := docs.Root()
	if err != nil {
		return err
	}
	data := os.Getenv("VIGIL_DATA")
	if data == "" {
		return errors.New("VIGIL_DATA is not set: it names the folder with UCSD Ped2")
	}
	pages, err := docs.Pages(root)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "vigil-docs-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := docs.PrepareDir(dir, root, data); err != nil {
		return err
	}
	for _, p := range pages {
		text, err := p.Refresh(func(o docs.Output) (string, error) {
			contains := func(part string) bool { return strings.Contains(o.Command, part) }
			if len(only) > 0 && !slices.ContainsFunc(only, contains) {
				return o.Text, nil
			}
			fmt.Println(p.Path+":", o.Command)
			return docs.Run(ctx, dir, filepath.Join(root, "bin"), o.Command)
		})
		if err != nil {
			return err
		}
		if text == p.Text {
			continue // somebody may edit it meanwhile
		}
		if err := write(filepath.Join(root, filepath.FromSlash(p.Path)), []byte(text)); err != nil {
			return err
		}
	}
	for from, to := range pictures {
		err := picture(filepath.Join(dir, from), filepath.Join(root, to))
		if err != nil && (len(only) == 0 || !errors.Is(err, os.ErrNotExist)) {
			return err
		}
	}
	return nil
}

// picture converts a PNG to a JPEG.
func picture(from, to string) error {
	in, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	img, err := png.Decode(bytes.NewReader(in))
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, &jpeg.Options{Quality: 90}); err != nil {
		return err
	}
	return write(to, out.Bytes())
}

func write(path string, data []byte) error {
	return os.WriteFile(path, data, 0o644) //nolint:gosec // Everybody may read the documentation.
}
