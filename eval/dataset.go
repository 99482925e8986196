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
}

// Video is a recording of a data set.
type Video struct {
	Name     string
	Camera   string // a calibration belongs to one; empty where the data set has only one
	Path     string // a file, or a folder of frames
	Abnormal []bool // for each frame; nil for normal video
	Truth    string // where the labels are from, for errors
	// Masks opens the pixel truth; nil where there is none.
	Masks func(ctx context.Context) (MaskReader, error)
	// Tracks are the boxes of each frame, nil where there is no track file.
	Tracks map[int][]Box
}

// Format is a way in which a data set is handed out.
type Format struct {
	Name string
	// Source says where it is had and what it is, Layout how the folder must look.
	Source, Layout string

	matches func(root string) bool
	read    func(ctx context.Context, root string) (*Dataset, error)
}

// Formats are all that Open knows.
func Formats() []Format { return []Format{ucsdFormat, avenueFormat, shanghaiFormat, plainFormat} }

// Open reads what a data set's folder holds, labels included, but no video. An empty format is detected from the
// folder's layout.
func Open(ctx context.Context, root, format string) (*Dataset, error) {
	if info, err := os.Stat(root); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%s: is a file, want the data set's folder", root)
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
	for _, sub := range folders(root) {
		for _, f := range Formats() {
			if f.matches(filepath.Join(root, sub)) {
				return nil, fmt.Errorf(
					"%s: holds no data set itself, but %s in it is one of format %s: name that folder", root,
					sub, f.Name)
			}
		}
	}
	return nil, fmt.Errorf(
		"%s: this folder's layout is of none of the known formats %s; 'vigil eval --list' says how they look",
		root, strings.Join(names, ", "))
}

func (d *Dataset) check() error {
	if len(d.Test) == 0 {
		return fmt.Errorf("%s: no test video in it", d.Root)
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

// hasEntry says whether root has an entry of that very name, also on file systems that do not tell Test from test.
func hasEntry(root, name string) bool {
	entries, err := os.ReadDir(root)
	return err == nil && slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == name })
}

// folders are the names of a folder's folders, in order, hidden ones left out.
func folders(root string) []string {
	return listEntries(root, func(e fs.DirEntry) bool { return isDir(root, e) })
}

// files are the names of a folder's files with one of the endings, in order.
func files(root string, endings ...string) []string {
	return listEntries(root, func(e fs.DirEntry) bool {
		return !isDir(root, e) && slices.Contains(endings, strings.ToLower(filepath.Ext(e.Name())))
	})
}

// filesBelow are likewise the files of a folder and of all folders in it, as paths from there with forward slashes.
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
		return nil // what is missing is found missing where it is needed
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && is(e) {
			names = append(names, e.Name())
		}
	}
	return names
}

// isDir follows links, since data sets are large and lie elsewhere.
func isDir(root string, e fs.DirEntry) bool {
	info, err := os.Stat(filepath.Join(root, e.Name()))
	return err == nil && info.IsDir()
}

// stem is a file's name without its ending.
func stem(name string) string { return strings.TrimSuffix(name, filepath.Ext(name)) }

// firstExisting is the first of the paths that exists.
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
