package eval

import (
	"fmt"
	"slices"

	"vigil/pipeline"
)

// SameThreshold is one threshold for all cameras of the data set.
func (d *Dataset) SameThreshold(t pipeline.Threshold) Thresholds {
	all := Thresholds{}
	for _, c := range d.testCameras() {
		all[c] = t
	}
	return all
}

// FitThresholds fits a threshold for each camera to the data set's normal videos of that camera; fit is given a name
// and the paths of the videos. Without normal video there are no thresholds. The note says where they come from.
func (d *Dataset) FitThresholds(fit func(name string, paths []string) (pipeline.Threshold, error)) (
	all Thresholds, note string, err error,
) {
	if len(d.Train) == 0 {
		return nil, "the data set has no normal video, so live has no threshold and no events; --calibrate gives some",
			nil
	}
	all = Thresholds{}
	for _, c := range d.testCameras() {
		var paths []string
		for _, v := range d.Train {
			if v.Camera == c {
				paths = append(paths, v.Path)
			}
		}
		if paths == nil {
			return nil, "", fmt.Errorf("%s: camera %s has test video but no normal video; give some with --calibrate",
				d.Root, c)
		}
		name := "eval"
		if c != "" {
			name = "eval-" + c
		}
		if all[c], err = fit(name, paths); err != nil {
			return nil, "", err
		}
	}
	return all, fmt.Sprintf("threshold from the data set's %d normal videos; if the model was trained on them, its "+
		"errors there are too low, and so is the threshold", len(d.Train)), nil
}

// testCameras are the cameras of the test videos, each once.
func (d *Dataset) testCameras() (cameras []string) {
	for _, v := range d.Test {
		if !slices.Contains(cameras, v.Camera) {
			cameras = append(cameras, v.Camera)
		}
	}
	return cameras
}
