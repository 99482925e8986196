package eval

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// tree makes a folder with these files; the text @NAME stands for a file of testdata.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		data := []byte(text)
		if fixture, ok := strings.CutPrefix(text, "@"); ok {
			data = testdata(t, fixture)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// frames adds a folder with the given number of frames.
func frames(files map[string]string, pattern string, first, n int) {
	for i := range n {
		files[fmt.Sprintf(pattern, first+i)] = "."
	}
}

const fiveLabels = "frame,label\n0,0\n1,1\n2,1\n3,0\n4,0\n"

// layouts are small data sets in their published layout; each has a video 01 or similar with five frames and the same
// labels.
func layouts() map[string]map[string]string {
	ucsd := map[string]string{
		"Test/UCSDped1.m": "TestVideoFile = {};\nTestVideoFile{end+1}.gt_frame = " +
			"[2:3];\nTestVideoFile{end+1}.gt_frame = [2:3];",
		"Test/.DS_Store":      "",
		"Test/Test001/.x.tif": "hidden",
	}
	frames(ucsd, "Train/Train001/%03d.tif", 1, 5)
	frames(ucsd, "Test/Test001/%03d.tif", 1, 5)
	frames(ucsd, "Test/Test001_gt/%03d.bmp", 1, 5)
	frames(ucsd, "Test/Test002/%03d.tif", 1, 5)
	shanghai := map[string]string{
		"training/videos/01_001.avi":          ".",
		"training/videos/12_001.avi":          ".",
		"testing/test_frame_mask/01_0014.npy": "@frame_mask.npy",
		"testing/test_pixel_mask/01_0014.npy": "@pixel_mask.npy",
		"testing/test_frame_mask/12_0142.npy": "@frame_mask.npy",
	}
	frames(shanghai, "testing/frames/01_0014/%03d.jpg", 0, 5)
	frames(shanghai, "testing/frames/12_0142/%03d.jpg", 0, 5)
	return map[string]map[string]string{
		"ucsd": ucsd, "shanghaitech": shanghai,
		"avenue": {
			"training_videos/01.avi": ".", "testing_videos/01.avi": ".", "testing_videos/02.avi": ".",
			"ground_truth_demo/testing_label_mask/1_label.mat": "@label.mat",
			"ground_truth_demo/testing_label_mask/2_label.mat": "@label-plain.mat",
		},
		"folder": {
			"train/a.mkv": ".", "test/01.mkv": ".", "test/readme.txt": ".", "labels/01.csv": fiveLabels,
			"masks/01.npy":  "@pixel_mask.npy",
			"tracks/01.csv": "track,frame,x,y,w,h\n1,1,3,0,1,1\n",
			"test/b.mp4":    ".", "labels/b.csv": fiveLabels,
		},
	}
}

func TestLayouts(t *testing.T) {
	want := map[string][]string{
		"ucsd": {"Test001 masks", "Test002"}, "avenue": {"01 masks", "02 masks"},
		"shanghaitech": {"01_0014/01 masks", "12_0142/12"}, "folder": {"01 masks tracks", "b"},
	}
	train := map[string][]string{
		"ucsd": {"Train001/"}, "avenue": {"01/"}, "shanghaitech": {"01_001/01", "12_001/12"},
		"folder": {"a/"},
	}
	for format, files := range layouts() {
		d, err := Open(t.Context(), tree(t, files), "")
		if err != nil {
			t.Errorf("%s: %v", format, err)
			continue
		}
		var got []string
		for _, v := range d.Test {
			s := v.Name
			if v.Camera != "" {
				s += "/" + v.Camera
			}
			if v.Masks != nil {
				s += " masks"
			}
			if v.Tracks != nil {
				s += " tracks"
			}
			got = append(got, s)
			if !reflect.DeepEqual(v.Abnormal, truth) {
				t.Errorf("%s: %s: labels %v", format, v.Name, v.Abnormal)
			}
		}
		var normal []string
		for _, v := range d.Train {
			normal = append(normal, v.Name+"/"+v.Camera)
		}
		// Delays are in seconds, but folders of frames do not have a rate.
		if fps := map[string]float64{"ucsd": 10, "avenue": 25, "shanghaitech": 24, "folder": 10}[format]; d.FPS != fps {
			t.Errorf("%s: %g frames a second, want %g", format, d.FPS, fps)
		}
		if d.Format != format || !reflect.DeepEqual(got, want[format]) || !reflect.DeepEqual(normal, train[format]) {
			t.Errorf("%s: read as %s: %v, for training %v; want %v, %v", format, d.Format, got, normal, want[format],
				train[format])
		}
	}
}

func TestInvalidLayouts(t *testing.T) {
	for name, c := range map[string]struct {
		layout, add, text, remove, format, want string
	}{
		"unknown": {
			add:  "readme.txt",
			want: "the folder has none of the known formats ucsd, avenue, shanghaitech, folder",
		},
		"unknown format": {layout: "ucsd", format: "coco", want: `format "coco" is unknown`},
		"forced":         {layout: "avenue", format: "folder", want: "has no test video"},
		"one too deep":   {add: "UCSDped1/Test/Test001/001.tif", want: "its folder UCSDped1 is one of format ucsd"},
		"no .m": {
			layout: "ucsd", remove: "Test/UCSDped1.m",
			want: "has 0 files *.m with the labels, and 1 of 2 test folders have no masks to make them of: Test002; " +
				"want " +
				"UCSDped1.m or UCSDped2.m, or Test002_gt with a mask for each frame",
		},
		"two .m": {layout: "ucsd", add: "Test/b.m", want: "has 2 files *.m, want the one with the labels"},
		"no videos": {
			layout: "avenue", remove: "testing_videos",
			want: "has labels of the format avenue, but no test videos where 'vigil eval --list' says; --scores",
		},
		"a video too many": {
			layout: "ucsd", add: "Test/Test003/001.tif",
			want: "has labels for 2 videos, but there are 3 test folders",
		},
		"a range too long": {
			layout: "ucsd", remove: "Test/Test002/003.tif", add: "Test/UCSDped1.m",
			text: "TestVideoFile{end+1}.gt_frame = [2:3];\nTestVideoFile{end+1}.gt_frame = [2:5];",
			want: "frames 2 to 5 are labelled abnormal, but the video has 4",
		},
		"no ground truth": {layout: "avenue", remove: "ground_truth_demo", want: "ground_truth_demo.zip"},
		"a mat is missing": {
			layout: "avenue", remove: "ground_truth_demo/testing_label_mask/2_label.mat",
			want: "2_label.mat",
		},
		"a mat is none": {
			layout: "avenue", add: "ground_truth_demo/testing_label_mask/2_label.mat",
			text: "hello", want: "not a MAT-file",
		},
		"a video has no number": {layout: "avenue", add: "testing_videos/first.avi", want: `"first" is not a number`},
		"a frame too many": {
			layout: "shanghaitech", add: "testing/frames/01_0014/005.jpg",
			want: "01_0014: has 6 frames, but",
		},
		"no labels": {
			layout: "shanghaitech", remove: "testing/test_frame_mask/12_0142.npy",
			want: "12_0142.npy",
		},
		"labels not in order": {layout: "folder", add: "labels/b.csv", text: "frame,label\n1,0\n", want: "line 2"},
		"tracks without masks": {
			layout: "folder", add: "tracks/b.csv", text: "track,frame,x,y,w,h\n",
			want: "b has no masks",
		},
		"twice the same name": {layout: "folder", add: "test/b.avi", want: "have the same name b"},
	} {
		files := layouts()[c.layout]
		if files == nil {
			files = map[string]string{}
		}
		for path := range files {
			if c.remove != "" && strings.HasPrefix(path, c.remove) {
				delete(files, path)
			}
		}
		if c.add != "" {
			files[c.add] = c.text
		}
		root := tree(t, files)
		if _, err := Open(t.Context(), root, c.format); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := Open(t.Context(), filepath.Join(t.TempDir(), "nothing"), ""); err == nil {
		t.Error("a folder that does not exist was read")
	}
}

// TestScoresOfOneName has videos that differ only in their folders or extensions, with labels for each.
func TestScoresOfOneName(t *testing.T) {
	given, err := ReadScores(tree(t, map[string]string{"s.csv": "video,frame,error,regularity\n" +
		"day1/cam.mkv,0,1,0\nday1/cam.mkv,1,1,0\nday2/cam.mkv,0,2,0\nday2/cam.mkv,1,2,0\nb.mkv,0,3,0\nb.avi,0,4,0\nb.mkv,1,3,0\nb.avi,1,4,0\n"}))
	if err != nil {
		t.Fatal(err)
	}
	truth, err := ReadLabels(tree(t, map[string]string{
		"day1/cam.csv": fiveLabels, "day2/cam.csv": fiveLabels, "b.mkv.csv": fiveLabels, "b.avi.csv": fiveLabels,
	}))
	if err != nil {
		t.Fatal(err)
	}
	recordings, err := given.Match(truth)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, r := range recordings {
		got[r.Name] = r.Clips[1].Error
	}
	if want := map[string]float64{"day1/cam": 1, "day2/cam": 2, "b.mkv": 3, "b.avi": 4}; !maps.Equal(got, want) {
		t.Errorf("errors %v, want %v", got, want)
	}
}

func TestExternalScores(t *testing.T) {
	const head = "video,frame,error,regularity\n"
	labels := tree(t, map[string]string{"01.csv": fiveLabels, "02.csv": fiveLabels})
	truth, err := ReadLabels(labels)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		files   map[string]string
		want    string // error
		step    int
		unknown bool
	}{
		"replay's": {files: map[string]string{"scores.csv": head +
			"01.mkv,0,1,0\n01.mkv,2,1,0\n02.mkv,0,3,0\n02.mkv,2,3,0\n", "events.csv": "video\n"}, step: 2},
		"simple": {files: map[string]string{
			"01.csv": "frame,score\n0,1\n1,2\n",
			"02.csv": "frame,score\n0,-1e3\n4,2\n",
		}, step: 1, unknown: true},
		"both": {files: map[string]string{"01.csv": "frame,score\n0,1\n1,2\n", "s.csv": head +
			"02,0,1,0\n02,2,1,0\n"}, step: 1, unknown: true},
		"not a number": {
			files: map[string]string{"01.csv": "frame,score\n0,1\n1,NaN\n"},
			want:  `01.csv: 1 of 2 scores are not finite, the first in line 3: the score of frame 1 is "NaN", want a finite number`,
		},
		"two of three": {
			files: map[string]string{"s.csv": head + "01,0,,0\n02,0,1,0\n02,1,+Inf,0\n"},
			want:  `s.csv: 2 of 3 scores are not finite, the first in line 2: the score of frame 0 is ""`,
		},
		"beyond": {
			files: map[string]string{"s.csv": head + "01,5,1,0\n02,0,1,0\n"},
			want:  "video 01 has a score for frame 5, but",
		},
		"backwards": {
			files: map[string]string{"s.csv": head + "01,2,1,0\n01,1,1,0\n"},
			want:  "line 3: frame 1 after frame 2",
		},
		"lacking": {
			files: map[string]string{"01.csv": "frame,score\n0,1\n"},
			want:  "1 of 2 labelled videos have no scores: 02",
		},
		"empty": {files: map[string]string{"01.csv": "frame,score\n"}, want: "no scores for 01"},
		"unlabelled": {
			files: map[string]string{"s.csv": head + "01,0,1,0\n02,0,1,0\n03,0,1,0\n"},
			want:  "scores for 03, which has no labels",
		},
		"twice": {
			files: map[string]string{"a.csv": head + "01,0,1,0\n", "b.csv": head + "01,0,1,0\n"},
			want:  "scores for 01 are also in",
		},
		"other header": {files: map[string]string{"a.csv": "frame,value\n"}, want: `the header is "frame,value"`},
		"of folders": {
			files: map[string]string{"s.csv": head + "day1/01.mkv,0,1,0\nday2/01.mkv,0,1,0\n02,0,1,0\n"},
			want: "no scores: 01; there are scores of day1/01, day2/01: put the labels into such folders, as " +
				"day1/01.csv",
		},
		"none": {files: map[string]string{"a.txt": ""}, want: "no file *.csv"},
	} {
		given, err := ReadScores(tree(t, c.files))
		var recordings []Recording
		if err == nil {
			recordings, err = given.Match(truth)
		}
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", name, err, c.want)
			}
			continue
		}
		if err != nil || given.Step != c.step || given.DelayUnknown != c.unknown || len(recordings) != 2 {
			t.Errorf("%s: %v, step %d, unknown %v, %d recordings", name, err, given.Step, given.DelayUnknown,
				len(recordings))
		}
	}
	// An interrupted replay, or labels of another video: the last clip of 40 frames at hop 1 scores frame 32.
	text := "frame,label\n"
	for i := range 40 {
		text += fmt.Sprintf("%d,%d\n", i, i/20)
	}
	if truth, err = ReadLabels(tree(t, map[string]string{"01.csv": text})); err != nil {
		t.Fatal(err)
	}
	for last, want := range map[int]string{32: "", 30: "the scores of video 01 end at frame 30, but"} {
		scores := head
		for i := 8; i <= last; i++ {
			scores += fmt.Sprintf("01.mkv,%d,1,0\n", i)
		}
		given, err := ReadScores(tree(t, map[string]string{"s.csv": scores}))
		if err != nil {
			t.Fatal(err)
		}
		// The frame is the clip's start + 8, and the score is available at its end.
		if c := given.Videos["01"][0]; c.Centre.Frame != 8 || c.Last.Frame != 15 {
			t.Errorf("the first clip scores frame %d and ends at %d, want 8 and 15", c.Centre.Frame, c.Last.Frame)
		}
		if _, err := given.Match(truth); (err == nil) != (want == "") ||
			err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("scores up to frame %d: %v, want %q", last, err, want)
		}
	}
}
