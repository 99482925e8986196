package app

import (
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vigil/config"
	"vigil/weights"
)

// namedFiles returns the files of weights and calibrations that a configuration names.
func namedFiles(cfg config.Config) []string {
	var files []string
	for _, c := range cfg.Cameras {
		if c.Model != "" && !weights.Named(c.Model) {
			files = append(files, c.Model)
		}
		if c.Calibration != "" {
			files = append(files, c.Calibration)
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// digest is the SHA-256 of a file; the zero value for one that cannot be read.
type digest [sha256.Size]byte

// digestsOf returns the digests of files.
func digestsOf(files []string) map[string]digest {
	all := make(map[string]digest, len(files))
	for _, path := range files {
		all[path] = digestOf(path)
	}
	return all
}

func digestOf(path string) (d digest) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return digest{}
	}
	f, err := os.Open(path) //nolint:gosec // the configuration names it
	if err != nil {
		return digest{}
	}
	defer f.Close() //nolint:errcheck // it was only read
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return digest{}
	}
	h.Sum(d[:0])
	return d
}

// maxLinks bounds the symbolic links of a path, as Linux does.
const maxLinks = 40

// trail returns every path whose replacement changes what a path leads to: itself, and the symbolic links on the way,
// such as the ..data of a Kubernetes volume.
func trail(path string) []string {
	var all []string
	path, err := filepath.Abs(path)
	if err != nil {
		return nil
	}
	for range maxLinks {
		all = append(all, path)
		link, target := firstLink(path)
		if link == "" {
			break
		}
		all = append(all, link)
		path = filepath.Join(target, strings.TrimPrefix(path, link))
	}
	return all
}

// firstLink returns the first component of a path that is a symbolic link, and what it points to; "" for none.
func firstLink(path string) (link, target string) {
	for i := 1; i <= len(path); i++ {
		if i < len(path) && path[i] != filepath.Separator {
			continue
		}
		target, err := os.Readlink(path[:i])
		if err != nil {
			continue
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path[:i]), target)
		}
		return path[:i], target
	}
	return "", ""
}
