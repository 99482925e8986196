package eval

import (
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"
)

// TestLabelsWithoutVideos removes the test videos of each layout: scores that belong to them find the same labels.
func TestLabelsWithoutVideos(t *testing.T) {
	videos := map[string]string{
		"ucsd": "Test/Test00", "avenue": "testing_videos", "shanghaitech": "testing/frames", "folder": "test/",
	}
	names := map[string][]string{
		"ucsd": {"Test001", "Test002"}, "avenue": {"01.avi", "02.avi"}, "shanghaitech": {"01_0014", "12_0142"},
		"folder": {"01.mkv", "b.mp4"},
	}
	for format, files := range layouts() {
		scores := "video,frame,error,regularity\n"
		for _, name := range names[format] {
			for frame := range 5 {
				scores += fmt.Sprintf("%s,%d,%d,0\n", name, frame, frame)
			}
		}
		given := tree(t, map[string]string{"scores.csv": scores})
		whole, _, err := EvaluateScores(t.Context(), given, Truth{Root: tree(t, files)}, "", &Options{})
		if err != nil {
			t.Errorf("%s: %v", format, err)
			continue
		}
		maps.DeleteFunc(files, func(path, _ string) bool {
			return strings.HasPrefix(path, videos[format]) && !strings.Contains(path, "_gt/")
		})
		root := tree(t, files)
		if _, err := Open(t.Context(), root, ""); err == nil {
			t.Errorf("%s: a folder without test videos was opened to score them", format)
		}
		for _, forced := range []string{"", format} {
			r, _, err := EvaluateScores(t.Context(), given, Truth{Root: root, Format: forced}, "", &Options{})
			if err != nil {
				t.Errorf("%s without videos: %v", format, err)
				continue
			}
			if format == "ucsd" {
				// Test002 has no masks, so its length is that of the scores, whose last clip ends 7 frames later.
				const note = "neither frames nor masks are there"
				if r.Frames != 5+12 || r.Abnormal != 4 || !strings.HasPrefix(r.Notes[0], note) {
					t.Errorf("%s: %d frames, notes %q", format, r.Frames, r.Notes)
				}
				continue
			}
			whole.Dataset, whole.Format, r.Dataset, r.Format = "", "", "", ""
			if want, got := fmt.Sprintf("%+v", whole.Videos), fmt.Sprintf("%+v", r.Videos); got != want ||
				!reflect.DeepEqual(r.Notes, whole.Notes) {
				t.Errorf("%s without videos: %s, want %s", format, got, want)
			}
		}
	}
}

func TestLabelsWithoutVideosRefuse(t *testing.T) {
	given := newExternalScores()
	if err := given.parse(strings.NewReader("video,frame,error,regularity\nTest001,0,1,0\nTest001,4,1,0\n"),
		"s.csv"); err != nil {
		t.Fatal(err)
	}
	const script = "TestVideoFile = {};\nTestVideoFile{end+1}.gt_frame = [2:3];\n"
	for name, c := range map[string]struct {
		files        map[string]string
		format, want string
	}{
		"nothing": {
			map[string]string{"a.txt": ""},
			"",
			"has no labels of the format ucsd, avenue, shanghaitech, folder",
		},
		"other":   {map[string]string{"labels/01.csv": fiveLabels}, "ucsd", "has no labels of the format ucsd where"},
		"unknown": {map[string]string{"labels/01.csv": fiveLabels}, "coco", `format "coco" is unknown`},
		"videos, no labels": {
			map[string]string{"testing_videos/01.avi": "."},
			"",
			"the labels, which are in ground_truth_demo.zip",
		},
		"folders of another number": {
			map[string]string{"Test/UCSDped1.m": script, "Test/Test001/x": "", "Test/Test002/x": ""},
			"",
			"has labels for 1 videos, but there are 2 test folders",
		},
		"some masks": {
			map[string]string{"Test/Test001_gt/001.bmp": ".", "Test/Test002_gt/x": "", "Test/Test003/x": ""},
			"",
			"2 of 3 test folders have no masks to make them of: Test002, Test003; want UCSDped1.m or UCSDped2.m, or " +
				"Test002_gt",
		},
	} {
		if _, err := OpenLabels(t.Context(), tree(t, c.files), c.format, given); err == nil ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	// The labels alone: the folders have UCSD's numbers, and the lengths are of the scores or the labels.
	root := tree(t, map[string]string{"Test/UCSDped1.m": script + "TestVideoFile{end+1}.gt_frame = [2:30];\n"})
	d, err := OpenLabels(t.Context(), root, "", given)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Test) != 2 || d.Test[0].Name != "Test001" || len(d.Test[0].Abnormal) != 12 ||
		d.Test[1].Name != "Test002" || len(d.Test[1].Abnormal) != 30 {
		t.Errorf("videos %+v", d.Test)
	}
	if _, err := given.Match(d); err == nil || !strings.Contains(err.Error(), "have no scores: Test002") {
		t.Errorf("scores for one of two: %v", err)
	}
}

// TestLengthsByScores expects that a score of frame,score is of the last frame, and one of a replay of a clip that goes
// on.
func TestLengthsByScores(t *testing.T) {
	for want, c := range map[int][2]string{
		8: {"Test001.csv", "frame,score\n0,1\n7,1\n"}, 15: {"s.csv", "video,frame,error,regularity\nTest001,7,1,0\n"},
	} {
		given := newExternalScores()
		if err := given.parse(strings.NewReader(c[1]), c[0]); err != nil {
			t.Fatal(err)
		}
		if got := given.minFrames("Test001"); got != want || given.minFrames("other") != 0 {
			t.Errorf("%s: %d frames, want %d", c[0], got, want)
		}
	}
}
