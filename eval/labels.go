package eval

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"vigil/internal/regular"
)

const labelsHeader = "frame,label"

// maxFrames bounds what a label file can make the reader allocate: two weeks at 25 frames per second.
const maxFrames = 1 << 25

// readLabels reads a label file: a CSV with the header frame,label and a row for each frame in order, from 0; 1 is
// abnormal.
func readLabels(path string) ([]bool, error) {
	f, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	labels, err := parseLabels(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return labels, nil
}

func parseLabels(r io.Reader) ([]bool, error) {
	rows := csv.NewReader(r)
	rows.ReuseRecord = true
	if err := checkHeader(rows, labelsHeader); err != nil {
		return nil, err
	}
	var labels []bool
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		line, _ := rows.FieldPos(0)
		if frame, err := strconv.Atoi(row[0]); err != nil || frame != len(labels) {
			return nil, fmt.Errorf("line %d: frame is %q, want %d: a row for each frame in order, from 0", line, row[0],
				len(labels))
		}
		if row[1] != "0" && row[1] != "1" {
			return nil, fmt.Errorf("line %d: label is %q, want 0 or 1", line, row[1])
		}
		labels = append(labels, row[1] == "1")
	}
	if len(labels) == 0 {
		return nil, errors.New("no frame has a label")
	}
	return labels, nil
}

var (
	gtLine  = regexp.MustCompile(`^TestVideoFile\{end\+1\}\.gt_frame\s*=\s*\[([^\]]*)\];?$`)
	gtStart = regexp.MustCompile(`^TestVideoFile\s*=\s*\{\s*\};?$`)
	gtRange = regexp.MustCompile(`^([0-9]{1,9})(?::([0-9]{1,9}))?$`)
)

// parseUCSD reads UCSD's label file: MATLAB code that appends to TestVideoFile, for each test video in order, the
// ranges of abnormal frames, counted from 1, both ends included. The result counts from 0.
func parseUCSD(r io.Reader) ([][]Span, error) {
	var videos [][]Span
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if i := strings.IndexByte(text, '%'); i >= 0 {
			text = strings.TrimSpace(text[:i])
		}
		if text == "" || gtStart.MatchString(text) {
			continue
		}
		m := gtLine.FindStringSubmatch(text)
		if m == nil {
			return nil, fmt.Errorf("line %d: %q, want TestVideoFile{end+1}.gt_frame = [first:last];", n, text)
		}
		spans := []Span{}
		for _, field := range strings.FieldsFunc(m[1], func(c rune) bool { return c == ' ' || c == ',' || c == '\t' }) {
			ends := gtRange.FindStringSubmatch(field)
			if ends == nil {
				return nil, fmt.Errorf("line %d: %q is no range of frames like 60:152", n, field)
			}
			first, _ := strconv.Atoi(ends[1])
			last := first
			if ends[2] != "" {
				last, _ = strconv.Atoi(ends[2])
			}
			if first < 1 || last < first || last > maxFrames {
				return nil, fmt.Errorf("line %d: %q: frames count from 1, and the last is not before the first", n,
					field)
			}
			spans = append(spans, Span{first - 1, last - 1})
		}
		videos = append(videos, spans)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(videos) == 0 {
		return nil, errors.New("no line says TestVideoFile{end+1}.gt_frame = [first:last];")
	}
	return videos, nil
}

// labelFrames converts spans to a label for each frame.
func labelFrames(spans []Span, frames int) ([]bool, error) {
	labels := make([]bool, frames)
	for _, s := range spans {
		if s.Last >= frames {
			return nil, fmt.Errorf("frames %d to %d are labelled abnormal, but the video has %d", s.First+1,
				s.Last+1, frames)
		}
		for i := s.First; i <= s.Last; i++ {
			labels[i] = true
		}
	}
	return labels, nil
}
