package eval

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

var plainFormat = Format{
	Name:   "folder",
	Source: "Your own videos, each with a CSV of labels.",
	Layout: `test/NAME.mkv            a video, or a folder test/NAME/ of frames (10 a second)
labels/NAME.csv          header frame,label; a row for each frame from 0; 1 is abnormal
masks/NAME.mkv           optional pixel truth, white where it is abnormal: a video, a folder of pictures, or NAME.npy
tracks/NAME.csv          optional, for TBDC instead of tracks made of the masks: header track,frame,x,y,w,h; frames
                         from 0, boxes in pixels of the mask
train/*.mkv              optional normal video, for the threshold
manifest.csv             optional, as 'vigil pseudo --kinds' writes it: the kind of event of each video`,
	matches:   func(root string) bool { return hasEntry(root, "test") && hasEntry(root, "labels") },
	read:      readPlain,
	hasVideos: func(root string) bool { return len(recordingsIn(filepath.Join(root, "test"))) > 0 },
	hasLabels: func(root string) bool { return len(filesBelow(filepath.Join(root, "labels"), ".csv")) > 0 },
	readLabels: func(_ context.Context, root string, _ *ExternalScores) (*Dataset, error) {
		return ReadLabels(filepath.Join(root, "labels"))
	},
}

func readPlain(_ context.Context, root string) (*Dataset, error) {
	d := &Dataset{
		FPS: 10, Train: recordingsIn(filepath.Join(root, "train")),
		Test: recordingsIn(filepath.Join(root, "test")),
	}
	kinds, err := readManifest(filepath.Join(root, ManifestFile))
	if err != nil {
		return nil, err
	}
	for i := range d.Test {
		v := &d.Test[i]
		v.Kind = kinds[v.Name]
		v.Truth = filepath.Join(root, "labels", v.Name+".csv")
		if v.Abnormal, err = readLabels(v.Truth); err != nil {
			return nil, fmt.Errorf("labels of %s: %w", v.Path, err)
		}
		v.Masks = findMasks(filepath.Join(root, "masks"), v.Name)
		tracks := filepath.Join(root, "tracks", v.Name+".csv")
		if _, err := os.Stat(tracks); err == nil {
			if v.Masks == nil {
				return nil, fmt.Errorf("%s: %s has no masks, and tracks are boxes in pixels of the masks",
					tracks, v.Name)
			}
			if v.Tracks, err = readTracks(tracks, len(v.Abnormal)); err != nil {
				return nil, err
			}
		}
	}
	return d, nil
}

// recordingsIn lists the video files and the folders of frames in a folder.
func recordingsIn(dir string) (out []Video) {
	for _, name := range files(dir, videoEndings...) {
		out = append(out, Video{Name: stem(name), Path: filepath.Join(dir, name)})
	}
	for _, name := range folders(dir) {
		if len(files(filepath.Join(dir, name), imageEndings...)) > 0 {
			out = append(out, Video{Name: name, Path: filepath.Join(dir, name)})
		}
	}
	return out
}

// findMasks opens a video's pixel labels; nil if there are none.
func findMasks(dir, name string) func(context.Context) (MaskReader, error) {
	if npy := filepath.Join(dir, name+".npy"); hasEntry(dir, name+".npy") {
		return func(context.Context) (MaskReader, error) { return openMasksNPY(npy) }
	}
	for _, v := range recordingsIn(dir) {
		if v.Name == name {
			return func(ctx context.Context) (MaskReader, error) { return openMaskVideo(ctx, v.Path) }
		}
	}
	return nil
}
