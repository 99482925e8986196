package eval

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

var avenueFormat = Format{
	Name: "avenue",
	Source: "CUHK Avenue (Lu, Shi, Jia, ICCV 2013): Avenue_Dataset.zip and ground_truth_demo.zip from the Chinese " +
		"University of Hong Kong,\n" +
		"www.cse.cuhk.edu.hk/leojia/projects/detectabnormal. Unpack the second one into the folder of the first, or " +
		"beside it.",
	Layout: `testing_videos/01.avi                                25 frames a second
ground_truth_demo/testing_label_mask/1_label.mat     volLabel, a cell of masks by frame; also testing_label_mask/
training_videos/01.avi                               normal video, for the threshold`,
	matches:   func(root string) bool { return hasEntry(root, "testing_videos") },
	read:      readAvenue,
	hasVideos: func(root string) bool { return len(recordingsIn(filepath.Join(root, "testing_videos"))) > 0 },
	hasLabels: func(root string) bool {
		dir, err := avenueMasks(root)
		return err == nil && len(files(dir, ".mat")) > 0
	},
	readLabels: readAvenueLabels,
}

func readAvenue(ctx context.Context, root string) (*Dataset, error) {
	d := &Dataset{
		FPS: 25, Train: recordingsIn(filepath.Join(root, "training_videos")),
		Test: recordingsIn(filepath.Join(root, "testing_videos")),
	}
	masks, err := avenueMasks(root)
	if err != nil {
		return nil, fmt.Errorf("the labels, which are in ground_truth_demo.zip: %w", err)
	}
	for i := range d.Test {
		v := &d.Test[i]
		number, err := strconv.Atoi(v.Name)
		if err != nil {
			return nil, fmt.Errorf("%s: labels are matched by the video's number, and %q is not a number", v.Path, v.Name)
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

// avenueMasks finds the folder of the labels.
func avenueMasks(root string) (string, error) {
	return firstExisting(filepath.Join(root, "testing_label_mask"), filepath.Join(root, "ground_truth_demo",
		"testing_label_mask"),
		filepath.Join(root, "..", "ground_truth_demo", "testing_label_mask"))
}

// readAvenueLabels reads all labels; those of 1_label.mat are of the video 01.
func readAvenueLabels(ctx context.Context, root string, _ *ExternalScores) (*Dataset, error) {
	masks, err := avenueMasks(root)
	if err != nil {
		return nil, err
	}
	d := &Dataset{FPS: 25}
	for _, name := range files(masks, ".mat") {
		number, err := strconv.Atoi(strings.TrimSuffix(name, "_label.mat"))
		if err != nil {
			continue // as volLabel of another data set
		}
		v := Video{Name: fmt.Sprintf("%02d", number), Truth: filepath.Join(masks, name)}
		v.Path = filepath.Join(root, "testing_videos", v.Name+".avi")
		if v.Abnormal, err = readLabelsMat(ctx, v.Truth); err != nil {
			return nil, fmt.Errorf("labels of %s: %w", v.Name, err)
		}
		d.Test = append(d.Test, v)
	}
	return d, nil
}
