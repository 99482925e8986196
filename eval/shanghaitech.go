package eval

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
)

var shanghaiFormat = Format{
	Name: "shanghaitech",
	Source: "ShanghaiTech Campus (Luo, Liu, Gao, ICCV 2017): from ShanghaiTech's SVIP lab, " +
		"svip-lab.github.io/dataset/campus_dataset.html.\n" +
		"It has 13 cameras, the number in front of a video's name; each gets a threshold of its own.",
	Layout: `testing/frames/01_0014/000.jpg         frames, 24 a second
testing/test_frame_mask/01_0014.npy    labels: a value for each frame, 1 is abnormal
testing/test_pixel_mask/01_0014.npy    pixel truth: [frames][height][width]
training/videos/01_001.avi             normal video, for the thresholds`,
	matches:    func(root string) bool { return hasEntry(filepath.Join(root, "testing"), "frames") },
	read:       readShanghai,
	hasVideos:  func(root string) bool { return len(recordingsIn(filepath.Join(root, "testing", "frames"))) > 0 },
	hasLabels:  func(root string) bool { return len(shanghaiLabels(root)) > 0 },
	readLabels: readShanghaiLabels,
}

func readShanghai(_ context.Context, root string) (*Dataset, error) {
	testing := filepath.Join(root, "testing")
	d := &Dataset{
		FPS:   24,
		Train: recordingsIn(filepath.Join(root, "training", "videos")),
		Test:  recordingsIn(filepath.Join(testing, "frames")),
	}
	for i := range d.Train {
		d.Train[i].Camera, _, _ = strings.Cut(d.Train[i].Name, "_")
	}
	for i := range d.Test {
		if err := d.Test[i].readShanghai(testing); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// readShanghai reads the labels of the video with this name and path.
func (v *Video) readShanghai(testing string) (err error) {
	v.Camera, _, _ = strings.Cut(v.Name, "_")
	v.Truth = filepath.Join(testing, "test_frame_mask", v.Name+".npy")
	if v.Abnormal, err = readLabelsNPY(v.Truth); err != nil {
		return fmt.Errorf("labels of %s: %w", v.Path, err)
	}
	v.Masks = findMasks(filepath.Join(testing, "test_pixel_mask"), v.Name)
	return nil
}

// shanghaiLabels are the names of the label files.
func shanghaiLabels(root string) []string {
	return files(filepath.Join(root, "testing", "test_frame_mask"), ".npy")
}

func readShanghaiLabels(_ context.Context, root string, _ *ExternalScores) (*Dataset, error) {
	testing := filepath.Join(root, "testing")
	d := &Dataset{FPS: 24}
	for _, name := range shanghaiLabels(root) {
		v := Video{Name: stem(name), Path: filepath.Join(testing, "frames", stem(name))}
		if err := v.readShanghai(testing); err != nil {
			return nil, err
		}
		d.Test = append(d.Test, v)
	}
	return d, nil
}
