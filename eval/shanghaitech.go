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
	matches: func(root string) bool { return hasEntry(filepath.Join(root, "testing"), "frames") },
	read:    readShanghai,
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
		v := &d.Test[i]
		v.Camera, _, _ = strings.Cut(v.Name, "_")
		v.Truth = filepath.Join(testing, "test_frame_mask", v.Name+".npy")
		var err error
		if v.Abnormal, err = readLabelsNPY(v.Truth); err != nil {
			return nil, fmt.Errorf("labels of %s: %w", v.Path, err)
		}
		v.Masks = findMasks(filepath.Join(testing, "test_pixel_mask"), v.Name)
	}
	return d, nil
}
