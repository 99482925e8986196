package eval

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"vigil/internal/regular"
)

var ucsdFormat = Format{
	Name: "ucsd",
	Source: "UCSD Ped1 and Ped2 (Mahadevan, Li, Bhalodia, Vasconcelos, CVPR 2010): UCSD_Anomaly_Dataset.tar.gz from " +
		"the " +
		"Statistical Visual\n" +
		"Computing Lab, svcl.ucsd.edu/projects/anomaly. Name the folder UCSDped1 or UCSDped2 that is in it.",
	Layout: `Test/Test001/001.tif     frames, 10 a second; Test002/ and so on
Test/UCSDped1.m          labels: TestVideoFile{end+1}.gt_frame = [60:152]; a line for each test folder, in order
Test/Test001_gt/001.bmp  pixel truth, white where it is abnormal, of some or all test folders
Train/Train001/001.tif   normal video, for the threshold`,
	matches: func(root string) bool {
		return hasEntry(root, "Test") && slices.ContainsFunc(folders(filepath.Join(root, "Test")),
			func(n string) bool { return strings.HasPrefix(n, "Test") })
	},
	read: readUCSD,
}

func readUCSD(_ context.Context, root string) (*Dataset, error) {
	test := filepath.Join(root, "Test")
	d := &Dataset{FPS: 10}
	for _, v := range recordingsIn(filepath.Join(root, "Train")) {
		if !strings.HasSuffix(v.Name, "_gt") {
			d.Train = append(d.Train, v)
		}
	}
	scripts := files(test, ".m")
	if len(scripts) != 1 {
		return nil, fmt.Errorf("%s: has %d files *.m, want the one with the labels, UCSDped1.m or UCSDped2.m", test,
			len(scripts))
	}
	path := filepath.Join(test, scripts[0])
	f, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	spans, err := parseUCSD(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, name := range folders(test) {
		if !strings.HasPrefix(name, "Test") || strings.HasSuffix(name, "_gt") {
			continue
		}
		v := Video{Name: name, Path: filepath.Join(test, name), Truth: path}
		if len(d.Test) < len(spans) {
			frames := len(files(v.Path, imageEndings...))
			if v.Abnormal, err = labelFrames(spans[len(d.Test)], frames); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", path, name, err)
			}
		}
		if hasEntry(test, name+"_gt") {
			v.Masks = findMasks(test, name+"_gt")
		}
		d.Test = append(d.Test, v)
	}
	if len(d.Test) != len(spans) {
		return nil, fmt.Errorf("%s: has labels for %d videos, but there are %d test folders", path, len(spans),
			len(d.Test))
	}
	return d, nil
}
