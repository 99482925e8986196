package eval

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
)

var avenueFormat = Format{
	Name: "avenue",
	Source: "CUHK Avenue (Lu, Shi, Jia, ICCV 2013): Avenue_Dataset.zip and ground_truth_demo.zip from the Chinese " +
		"University of Hong Kong,\n" +
		"www.cse.cuhk.edu.hk/leojia/projects/detectabnormal. Unpack the second one into the folder of the first, or " +
		"beside it.",
	Layout: `testing_videos/01.avi                                25 frames a second
ground_truth_demo/testing_label_mask/1_label.mat     volLabel, a cell with a mask for each frame; also as testing_label_mask/
training_videos/01.avi                               normal video, for the threshold`,
	matches: func(root string) bool { return hasEntry(root, "testing_videos") },
	read:    readAvenue,
}

func readAvenue(ctx context.Context, root string) (*Dataset, error) {
	d := &Dataset{
		FPS: 25, Train: recordingsIn(filepath.Join(root, "training_videos")),
		Test: recordingsIn(filepath.Join(root, "testing_videos")),
	}
	masks, err := firstExisting(filepath.Join(root, "testing_label_mask"), filepath.Join(root, "ground_truth_demo",
		"testing_label_mask"),
		filepath.Join(root, "..", "ground_truth_demo", "testing_label_mask"))
	if err != nil {
		return nil, fmt.Errorf("the labels, which are in ground_truth_demo.zip: %w", err)
	}
	for i := range d.Test {
		v := &d.Test[i]
		number, err := strconv.Atoi(v.Name)
		if err != nil {
			return nil, fmt.Errorf("%s: the labels go by the videos' numbers, and %q is none", v.Path, v.Name)
		}
		// The videos are 01.avi and so on, the labels 1_label.mat.
		v.Truth, err = firstExisting(filepath.Join(masks, strconv.Itoa(number)+"_label.mat"),
			filepath.Join(masks, fmt.Sprintf("%02d_label.mat", number)))
		if err != nil {
			return nil, fmt.Errorf("labels of %s: %w", v.Path, err)
		}
		if v.Abnormal, err = readLabelsMat(ctx, v.Truth); err != nil {
			return nil, fmt.Errorf("labels of %s: %w", v.Path, err)
		}
		v.Masks = func(context.Context) (MaskReader, error) { return openMat(v.Truth) }
	}
	return d, nil
}
