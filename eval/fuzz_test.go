package eval

import (
	"bytes"
	"strings"
	"testing"
)

func FuzzUCSD(f *testing.F) {
	f.Add("TestVideoFile = {};\nTestVideoFile{end+1}.gt_frame = [5:90, 140:200];")
	f.Fuzz(func(t *testing.T, text string) {
		videos, err := parseUCSD(strings.NewReader(text))
		if (err == nil) != (len(videos) > 0) {
			t.Fatalf("%d videos and %v", len(videos), err)
		}
		for _, spans := range videos {
			for _, s := range spans {
				if s.First < 0 || s.Last < s.First {
					t.Fatalf("span %v", s)
				}
			}
		}
	})
}

func FuzzMat(f *testing.F) {
	for _, name := range []string{"label.mat", "label-plain.mat", "label-matlab.mat"} {
		f.Add(testdata(f, name))
	}
	f.Fuzz(func(t *testing.T, file []byte) { _ = drainMat(t, file) })
}

func FuzzNPY(f *testing.F) {
	for _, name := range []string{"frame_mask.npy", "pixel_mask.npy"} {
		f.Add(testdata(f, name))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		n, err := parseNPY(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			return
		}
		if labels, err := n.labels(); err == nil && len(labels) > len(file) {
			t.Fatalf("%d labels of %d bytes", len(labels), len(file))
		}
	})
}

func FuzzCSV(f *testing.F) {
	f.Add("frame,label\n0,0\n1,1\n")
	f.Add("frame,score\n0,0.5\n9,1e-3\n")
	f.Add("video,frame,error,regularity\n01.mkv,8,0.5,1\n")
	f.Add("track,frame,x,y,w,h\n1,0,2,3,4,5\n")
	f.Fuzz(func(t *testing.T, text string) {
		if labels, err := parseLabels(strings.NewReader(text)); (err == nil) != (len(labels) > 0) {
			t.Fatalf("%d labels and %v", len(labels), err)
		}
		if boxes, err := parseTracks(strings.NewReader(text), 10); err == nil {
			for frame := range boxes {
				if frame < 0 || frame >= 10 {
					t.Fatalf("a box in frame %d", frame)
				}
			}
		}
		g := newExternalScores()
		if err := g.parse(strings.NewReader(text), "01.csv"); err == nil {
			for _, clips := range g.Videos {
				for i := 1; i < len(clips); i++ {
					if clips[i].Centre.Frame <= clips[i-1].Centre.Frame {
						t.Fatalf("frames %d and %d", clips[i-1].Centre.Frame, clips[i].Centre.Frame)
					}
				}
			}
		}
	})
}
