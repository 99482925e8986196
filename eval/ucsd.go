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
Test/Test001_gt/001.bmp  pixel truth, white where it is abnormal, of some test folders; of all, it replaces the .m file
Train/Train001/001.tif   normal video, for the threshold`,
	matches: func(root string) bool {
		return hasEntry(root, "Test") && slices.ContainsFunc(folders(filepath.Join(root, "Test")),
			func(n string) bool { return strings.HasPrefix(n, "Test") })
	},
	read: readUCSD,
	hasVideos: func(root string) bool {
		test := filepath.Join(root, "Test")
		return slices.ContainsFunc(testFolders(test), func(name string) bool {
			return len(files(filepath.Join(test, name), imageEndings...)) > 0
		})
	},
	hasLabels: func(root string) bool {
		test := filepath.Join(root, "Test")
		return len(files(test, ".m")) > 0 || slices.ContainsFunc(folders(test), isMaskFolder)
	},
	readLabels: readUCSDLabels,
}

func readUCSD(ctx context.Context, root string) (*Dataset, error) {
	d := &Dataset{FPS: 10}
	for _, v := range recordingsIn(filepath.Join(root, "Train")) {
		if !isMaskFolder(v.Name) {
			d.Train = append(d.Train, v)
		}
	}
	test := filepath.Join(root, "Test")
	spans, err := readScript(test)
	if err != nil {
		return nil, err
	}
	return d, d.addUCSD(ctx, test, testFolders(test), spans, nil)
}

// readUCSDLabels reads the labels without the frames. The test folders are numbered as UCSD's are, if none is left.
func readUCSDLabels(ctx context.Context, root string, scores *ExternalScores) (*Dataset, error) {
	test := filepath.Join(root, "Test")
	spans, err := readScript(test)
	if err != nil {
		return nil, err
	}
	names := testFolders(test)
	for _, name := range folders(test) {
		if dir, ok := strings.CutSuffix(name, maskSuffix); ok && spans == nil && !slices.Contains(names, dir) {
			names = append(names, dir)
		}
	}
	slices.Sort(names)
	if len(names) == 0 {
		for i := range spans {
			names = append(names, fmt.Sprintf("Test%03d", i+1))
		}
	}
	d := &Dataset{FPS: 10}
	return d, d.addUCSD(ctx, test, names, spans, scores)
}

// addUCSD adds the test videos with their labels, those of the script or, without one, of the masks. The number of
// frames is that of the folder's or, where these are missing and there are scores, of the masks or the scores.
func (d *Dataset) addUCSD(ctx context.Context, test string, names []string, spans [][]Span, scores *ExternalScores,
) error {
	if spans != nil && len(names) != len(spans) {
		return fmt.Errorf("%s: the file *.m has labels for %d videos, but there are %d test folders", test, len(spans),
			len(names))
	}
	if spans == nil {
		if err := checkAllHaveMasks(test, names); err != nil {
			return err
		}
		d.Notes = append(d.Notes,
			"no file *.m, so the labels are made of the masks: a frame with an abnormal pixel is "+
				"abnormal")
	}
	guessed := false
	for i, name := range names {
		v := Video{Name: name, Path: filepath.Join(test, name), Masks: findMasks(test, name+maskSuffix)}
		var err error
		if spans == nil {
			v.Truth = v.Path + maskSuffix
			if v.Abnormal, err = labelsOfMasks(ctx, v.Masks); err != nil {
				return fmt.Errorf("%s: %w", v.Truth, err)
			}
			d.Test = append(d.Test, v)
			continue
		}
		v.Truth = filepath.Join(test, files(test, ".m")[0])
		frames := len(files(v.Path, imageEndings...))
		if frames == 0 && scores != nil {
			if frames = len(files(v.Path+maskSuffix, imageEndings...)); frames == 0 {
				frames, guessed = scores.minFrames(name), true
				for _, s := range spans[i] {
					frames = max(frames, s.Last+1)
				}
			}
		}
		if v.Abnormal, err = labelFrames(spans[i], frames); err != nil {
			return fmt.Errorf("%s: %s: %w", v.Truth, name, err)
		}
		d.Test = append(d.Test, v)
	}
	if guessed {
		d.Notes = append(d.Notes, "neither frames nor masks are there, so a video ends with its last score or label: "+
			"normal frames behind it do not count")
	}
	return nil
}

// maskSuffix is what UCSD adds to the name of a test folder for its masks.
const maskSuffix = "_gt"

func isMaskFolder(name string) bool { return strings.HasSuffix(name, maskSuffix) }

// testFolders are the names of the test videos' folders.
func testFolders(test string) []string {
	return slices.DeleteFunc(folders(test), func(name string) bool {
		return !strings.HasPrefix(name, "Test") || isMaskFolder(name)
	})
}

// readScript reads the label file, *.m, of a folder; nil if there is none.
func readScript(test string) ([][]Span, error) {
	scripts := files(test, ".m")
	switch len(scripts) {
	case 0:
		return nil, nil
	case 1:
	default:
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
	return spans, nil
}

// checkAllHaveMasks returns an error that names the test folders without masks, from which labels could be made.
func checkAllHaveMasks(test string, names []string) error {
	lack := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return findMasks(test, name+maskSuffix) != nil
	})
	if len(lack) == 0 {
		return nil
	}
	return fmt.Errorf(
		"%s: has 0 files *.m with the labels, and %d of %d test folders have no masks to make them of: %s; "+
			"want UCSDped1.m or UCSDped2.m, or %s%s with a mask for each frame", test, len(lack), len(names),
		strings.Join(lack, ", "), lack[0], maskSuffix)
}
