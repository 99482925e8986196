package eval

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"vigil/internal/regular"
)

// Box is the bounding box of a track in one frame, in pixels of the mask.
type Box struct {
	Track, Frame, X, Y, W, H int
}

const tracksHeader = "track,frame,x,y,w,h"

// readTracks reads a track file: a CSV with the header track,frame,x,y,w,h and a row for each frame of each track;
// whole numbers, frames from 0, boxes in pixels of the mask. The result is keyed by frame.
func readTracks(path string, frames int) (map[int][]Box, error) {
	f, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	boxes, err := parseTracks(f, frames)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return boxes, nil
}

func parseTracks(r io.Reader, frames int) (map[int][]Box, error) {
	rows := csv.NewReader(r)
	if err := checkHeader(rows, tracksHeader); err != nil {
		return nil, err
	}
	out := map[int][]Box{}
	seen := map[[2]int]bool{}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		line, _ := rows.FieldPos(0)
		var v [6]int
		for i, s := range row {
			if v[i], err = strconv.Atoi(strings.TrimSpace(s)); err != nil {
				return nil, fmt.Errorf("line %d: %q is not a whole number", line, s)
			}
		}
		b := Box{v[0], v[1], v[2], v[3], v[4], v[5]}
		switch {
		case b.Frame < 0 || b.Frame >= frames:
			return nil, fmt.Errorf("line %d: frame %d, but the labels are for %d frames", line, b.Frame, frames)
		case b.Track < 0:
			return nil, fmt.Errorf("line %d: track %d, must not be negative", line, b.Track)
		case b.X < 0 || b.Y < 0 || b.W < 1 || b.H < 1:
			return nil, fmt.Errorf("line %d: box %d,%d,%d,%d: x and y must be at least 0, w and h at least 1", line,
				b.X, b.Y, b.W, b.H)
		case seen[[2]int{b.Track, b.Frame}]:
			return nil, fmt.Errorf("line %d: track %d is in frame %d twice", line, b.Track, b.Frame)
		}
		seen[[2]int{b.Track, b.Frame}] = true
		out[b.Frame] = append(out[b.Frame], b)
	}
}

// checkHeader reads the first row and returns an error if it is not one of the expected headers.
func checkHeader(rows *csv.Reader, want ...string) error {
	got, err := rows.Read()
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("the file is empty, want the header %s", strings.Join(want, " or "))
	}
	if err != nil {
		return err
	}
	// Spreadsheets prepend a byte order mark.
	line := strings.TrimPrefix(strings.Join(got, ","), "\ufeff")
	if slices.Contains(want, line) {
		return nil
	}
	return fmt.Errorf("the header is %q, want %s", line, strings.Join(want, " or "))
}

// boxRegions converts boxes to regions of a mask.
func boxRegions(boxes []Box, m *Mask) ([]region, error) {
	var out []region
	for _, b := range boxes {
		if b.X+b.W > m.Width || b.Y+b.H > m.Height {
			return nil, fmt.Errorf("track %d in frame %d reaches to %d,%d, the mask has %dx%d pixels", b.Track, b.Frame,
				b.X+b.W, b.Y+b.H,
				m.Width, m.Height)
		}
		r := region{track: b.Track}
		for y := b.Y; y < b.Y+b.H; y++ {
			for x := b.X; x < b.X+b.W; x++ {
				r.pixel = append(r.pixel, y*m.Width+x)
			}
		}
		out = append(out, r)
	}
	return out, nil
}
