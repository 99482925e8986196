package eval

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// truth is the content of the masks of testdata/make.py.
var (
	truth    = []bool{false, true, true, false, false}
	maskRows = []*Mask{
		picture("....", "....", "...."), picture("...#", "....", "...."),
		picture("....", "....", "##.."),
	}
)

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestMasksThatSciPyAndNumPyWrote(t *testing.T) {
	for _, name := range []string{"label.mat", "label-plain.mat", "pixel_mask.npy"} {
		path := filepath.Join("testdata", name)
		open := openMasksNPY
		if strings.HasSuffix(name, ".mat") {
			open = func(path string) (MaskReader, error) { return openMat(path) }
		}
		r, err := open(path)
		if err != nil {
			t.Fatal(err)
		}
		var m Mask
		n := 0
		for ; ; n++ {
			err := r.Next(t.Context(), &m)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: mask %d: %v", name, n, err)
			}
			if n < len(maskRows) && !reflect.DeepEqual(&m, maskRows[n]) {
				t.Errorf("%s: mask %d is %v, want %v", name, n, m, maskRows[n])
			}
		}
		if n != 5 {
			t.Errorf("%s: %d masks, want 5", name, n)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if strings.HasSuffix(name, ".mat") {
			if labels, err := readLabelsMat(t.Context(), path); err != nil || !reflect.DeepEqual(labels, truth) {
				t.Errorf("%s: labels %v, %v", name, labels, err)
			}
		}
	}
	if labels, err := readLabelsNPY("testdata/frame_mask.npy"); err != nil || !reflect.DeepEqual(labels, truth) {
		t.Errorf("labels %v, %v", labels, err)
	}
	if _, err := readLabelsNPY("testdata/pixel_mask.npy"); err == nil ||
		!strings.Contains(err.Error(), "want one value for each frame") {
		t.Errorf("masks as labels: %v", err)
	}
}

// TestMasksAsMATLABWritesThem has doubles stored as bytes, logical arrays, and short data in tags, which MATLAB writes
// and SciPy does not.
func TestMasksAsMATLABWritesThem(t *testing.T) {
	m, err := openMat(filepath.Join("testdata", "label-matlab.mat"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for i, want := range []*Mask{
		picture("..", ".."), picture("...", "...", "#.."), picture("..#"), picture("..", ".."),
		picture("..", ".."),
	} {
		var mask Mask
		if err := m.Next(t.Context(), &mask); err != nil || !reflect.DeepEqual(&mask, want) {
			t.Errorf("mask %d is %v, %v; want %v", i, mask, err, want)
		}
	}
	if err := m.Next(t.Context(), new(Mask)); !errors.Is(err, io.EOF) {
		t.Errorf("after the last mask: %v", err)
	}
}

func TestItemsAreNotZero(t *testing.T) {
	for name, c := range map[string]struct {
		it   item
		b    []byte
		want bool
	}{
		"0":   {item{size: 1}, []byte{0}, false},
		"255": {item{size: 1}, []byte{255}, true},
		"0.5": {
			item{size: 8, float: true},
			binary.LittleEndian.AppendUint64(nil, math.Float64bits(0.5)),
			true,
		},
		"-0":                    {item{size: 8, float: true}, binary.LittleEndian.AppendUint64(nil, 1<<63), false},
		"-0, other byte order":  {item{size: 4, float: true, big: true}, []byte{0x80, 0, 0, 0}, false},
		"-128, no float":        {item{size: 1}, []byte{0x80}, true},
		"256, other byte order": {item{size: 2, big: true}, []byte{1, 0}, true},
	} {
		if got := c.it.nonzero(c.b); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestMatRefuses(t *testing.T) {
	good := testdata(t, "label-plain.mat")
	edit := func(at int, b ...byte) []byte {
		out := bytes.Clone(good)
		copy(out[at:], b)
		return out
	}
	for want, file := range map[string][]byte{
		"shorter than its header":                   good[:100],
		"not a MAT-file of level 5":                 edit(126, 'X', 'X'),
		"save -v7.3, HDF5":                          edit(124, 0, 2),
		"no variable volLabel":                      bytes.Replace(good, []byte("volLabel"), []byte("volOther"), 1),
		"volLabel{5} of 5: the file is truncated":   good[:len(good)-40],
		"data of type 9 where a variable should be": edit(128, 9),
		"an array of class 5": bytes.Replace(good, []byte{6, 0, 0, 0, 8, 0, 0, 0, 6, 0, 0, 0},
			[]byte{6, 0, 0, 0, 8, 0, 0, 0, 5, 0, 0, 0}, 1),
	} {
		err := drainMat(t, file)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func drainMat(t *testing.T, file []byte) error {
	m, err := parseMat(bytes.NewReader(file))
	if err != nil {
		return err
	}
	var mask Mask
	for {
		if err := m.Next(t.Context(), &mask); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func TestNPYRefuses(t *testing.T) {
	good := testdata(t, "frame_mask.npy")
	swap := func(old, with string) []byte { return bytes.Replace(good, []byte(old), []byte(with), 1) }
	for want, file := range map[string][]byte{
		"not a NumPy array file":              good[:5],
		"NumPy format 9 is unknown":           swap("NUMPY\x01", "NUMPY\x09"),
		"the header is truncated":             good[:40],
		"has 5 bytes, the file has 4":         good[:len(good)-1],
		"has 5 bytes, the file has 6":         append(bytes.Clone(good), 0),
		"has 6 bytes, the file has 5":         swap("(5,)", "(6,)"),
		"does not fit a file of":              swap("(5,), }  ", "(50000,)}"),
		"is in Fortran's order":               swap("False,", "True, "),
		"is not of an array of plain numbers": swap("'|i1'", "'|O1'"),
	} {
		if _, err := parseNPY(bytes.NewReader(file), int64(len(file))); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestUCSDLabels(t *testing.T) {
	got, err := parseUCSD(
		strings.NewReader("TestVideoFile = {};\nTestVideoFile{end+1}.gt_frame = [60:152];\r\n\n% a remark\n" +
			"TestVideoFile{end+1}.gt_frame = [5:90, 140:200]; % two\nTestVideoFile{end+1}.gt_frame = " +
			"[7];\nTestVideoFile{end+1}.gt_frame = [];"))
	want := [][]Span{{{59, 151}}, {{4, 89}, {139, 199}}, {{6, 6}}, {}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	for text, want := range map[string]string{
		"": "no line says",
		"TestVideoFile{end+1}.gt_frame = [60-152];": `line 1: "60-152" is no range`,
		"TestVideoFile{end+1}.gt_frame = [0:9];":    "frames count from 1",
		"\nTestVideoFile{end+1}.gt_frame = [9:3];":  "line 2",
		"disp('hello')": "line 1",
	} {
		if _, err := parseUCSD(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if _, err := labelFrames([]Span{{59, 151}}, 120); err == nil ||
		err.Error() != "frames 60 to 152 are labelled abnormal, but the video has 120" {
		t.Error(err)
	}
}

func TestLabelsAndTracksRefuse(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "the file is empty, want the header frame,label",
		"frame;label\n":           `the header is "frame;label"`,
		"frame,label\n":           "no frame has a label",
		"frame,label\n1,0\n":      `line 2: frame is "1", want 0`,
		"frame,label\n0,0\n0,0\n": `line 3: frame is "0", want 1`,
		"frame,label\n0,2\n":      `line 2: label is "2", want 0 or 1`,
		"frame,label\n0,1,1\n":    "wrong number of fields",
	} {
		if _, err := parseLabels(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if got, err := parseLabels(strings.NewReader("\ufeffframe,label\r\n0,0\r\n1,1\r\n")); err != nil ||
		!reflect.DeepEqual(got, []bool{false, true}) {
		t.Errorf("a spreadsheet's file: %v, %v", got, err)
	}
	const head = "track,frame,x,y,w,h\n"
	for text, want := range map[string]string{
		"frame,x,y,w,h\n":                   "want track,frame,x,y,w,h",
		head + "1,9,0,0,1,1\n":              "line 2: frame 9, but the labels are for 9 frames",
		head + "-1,0,0,0,1,1\n":             "track -1",
		head + "1,0,0,0,0,1\n":              "w and h at least 1",
		head + "1,0,0,0,1,1\n1,0,0,0,1,1\n": "line 3: track 1 is in frame 0 twice",
		head + "1,0,0.5,0,1,1\n":            `"0.5" is not a whole number`,
	} {
		if _, err := parseTracks(strings.NewReader(text), 9); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	got, err := parseTracks(strings.NewReader(head+"1,3,0,2,4,5\n2,3,1,1,1,1\n"), 9)
	if want := map[int][]Box{3: {{1, 3, 0, 2, 4, 5}, {2, 3, 1, 1, 1, 1}}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
}
