package eval

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Dataset is a labelled data set.
type Dataset struct {
	Format string // the name of its Format
	Root   string
	FPS    float64 // of its folders of frames
	Train  []Video // normal video; may be empty
	Test   []Video
	Notes  []string // about the labels, as sentences for the result
}

// Video is a recording of a data set.
type Video struct {
	Name     string
	Camera   string // a calibration belongs to one; empty where the data set has only one
	Path     string // a file, or a folder of frames
	Abnormal []bool // for each frame; nil for normal video
	Truth    string // source of the labels, for error messages
	// Masks opens the pixel labels; nil if there are none.
	Masks func(ctx context.Context) (MaskReader, error)
	// Tracks are the boxes of each frame; nil without a track file.
	Tracks map[int][]Box
	Kind   Kind // of event; the zero value if the data set has no kinds
}

// Format is a directory layout of a data set.
type Format struct {
	Name string
	// Source says where to get the data set and what it is, Layout how its folder must look.
	Source, Layout string

	matches func(root string) bool
	read    func(ctx context.Context, root string) (*Dataset, error)

	hasVideos, hasLabels func(root string) bool
	// readLabels reads the test videos' labels where the videos are missing.
	readLabels func(ctx context.Context, root string, scores *ExternalScores) (*Dataset, error)
}

// Formats lists the formats that Open supports.
func Formats() []Format { return []Format{ucsdFormat, avenueFormat, shanghaiFormat, plainFormat} }

// Open reads a data set's folder including labels, but no video. An empty format is detected from the folder's layout.
func Open(ctx context.Context, root, format string) (*Dataset, error) {
	if err := checkFolder(root); err != nil {
		return nil, err
	}
	var names []string
	for _, f := range Formats() {
		names = append(names, f.Name)
		if f.Name == format || format == "" && f.matches(root) {
			d, err := f.read(ctx, root)
			if err != nil {
				return nil, err
			}
			d.Format, d.Root = f.Name, root
			return d, d.check()
		}
	}
	if format != "" {
		return nil, fmt.Errorf("format %q is unknown, known are %s", format, strings.Join(names, ", "))
	}
	for _, f := range Formats() {
		if f.hasLabels(root) {
			return nil, fmt.Errorf(
				"%s: has labels of the format %s, but no test videos where 'vigil eval --list' says; "+
					"--scores measures scores without the videos", root, f.Name)
		}
	}
	for _, sub := range folders(root) {
		for _, f := range Formats() {
			if f.matches(filepath.Join(root, sub)) {
				return nil, fmt.Errorf(
					"%s: is not a data set, but its folder %s is one of format %s: use that folder", root,
					sub, f.Name)
			}
		}
	}
	return nil, fmt.Errorf(
		"%s: the folder has none of the known formats %s; 'vigil eval --list' describes them",
		root, strings.Join(names, ", "))
}

// OpenLabels reads a data set's folder for scores: as Open does or, if it has no test video, the labels alone. The
// scores tell how long a video is where nothing else does.
func OpenLabels(ctx context.Context, root, format string, scores *ExternalScores) (*Dataset, error) {
	if err := checkFolder(root); err != nil {
		return nil, err
	}
	var labels []string
	for _, f := range Formats() {
		switch {
		case format != "" && f.Name != format:
			continue
		case f.hasVideos(root):
			return Open(ctx, root, f.Name)
		case f.hasLabels(root):
			d, err := f.readLabels(ctx, root, scores)
			if err != nil {
				return nil, err
			}
			d.Format, d.Root = f.Name, root
			return d, d.check()
		}
		labels = append(labels, f.Name)
	}
	if labels == nil {
		return Open(ctx, root, format) // which says that there is no such format
	}
	return nil, fmt.Errorf(
		"%s: has no labels of the format %s where 'vigil eval --list' says; the videos may be missing, "+
			"the labels not", root, strings.Join(labels, ", "))
}

func checkFolder(root string) error {
	info, err := os.Stat(root)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s: is a file, want the data set's folder", root)
	}
	return err
}

func (d *Dataset) check() error {
	if len(d.Test) == 0 {
		return fmt.Errorf("%s: has no test video", d.Root)
	}
	seen := map[string]string{}
	for _, v := range d.Test {
		if other, again := seen[v.Name]; again {
			return fmt.Errorf("%s and %s have the same name %s", other, v.Path, v.Name)
		}
		seen[v.Name] = v.Path
		if frames := len(files(v.Path, imageEndings...)); frames > 0 && frames != len(v.Abnormal) {
			return fmt.Errorf("%s: has %d frames, but %s has labels for %d", v.Path, frames, v.Truth, len(v.Abnormal))
		}
	}
	return nil
}

// hasEntry reports whether root has an entry with exactly that name, also on case-insensitive file systems.
func hasEntry(root, name string) bool {
	entries, err := os.ReadDir(root)
	return err == nil && slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == name })
}

// folders lists the names of a folder's subfolders in order, without hidden ones.
func folders(root string) []string {
	return listEntries(root, func(e fs.DirEntry) bool { return isDir(root, e) })
}

// files lists the names of a folder's files with one of the extensions, in order.
func files(root string, endings ...string) []string {
	return listEntries(root, func(e fs.DirEntry) bool {
		return !isDir(root, e) && slices.Contains(endings, strings.ToLower(filepath.Ext(e.Name())))
	})
}

// filesBelow is like files, but includes all subfolders; the paths are relative and have forward slashes.
func filesBelow(root string, endings ...string) []string {
	names := files(root, endings...)
	for _, dir := range folders(root) {
		for _, name := range filesBelow(filepath.Join(root, dir), endings...) {
			names = append(names, dir+"/"+name)
		}
	}
	return names
}

func listEntries(root string, is func(fs.DirEntry) bool) (names []string) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil // a missing file is reported where it is needed
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && is(e) {
			names = append(names, e.Name())
		}
	}
	return names
}

// isDir follows symbolic links.
func isDir(root string, e fs.DirEntry) bool {
	info, err := os.Stat(filepath.Join(root, e.Name()))
	return err == nil && info.IsDir()
}

// stem is a file's name without its extension.
func stem(name string) string { return strings.TrimSuffix(name, filepath.Ext(name)) }

// firstExisting returns the first of the paths that exists.
func firstExisting(paths ...string) (string, error) {
	for _, p := range paths {
		if _, err := os.Stat(p); err == nil {
			return p, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return "", fmt.Errorf("%s: does not exist", strings.Join(paths, ", or "))
}

var (
	videoEndings = []string{".mkv", ".mp4", ".avi", ".mov", ".webm", ".mpg", ".mpeg", ".m4v", ".ts", ".wmv"}
	imageEndings = []string{".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp", ".webp", ".pgm", ".ppm"}
)
