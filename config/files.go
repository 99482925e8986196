package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"vigil/capture/source"
)

// CheckFiles returns an *Errors with the missing files that c names: models, calibrations, credentials, certificates,
// and sources that are files, folders or devices by a path.
func (c Config) CheckFiles() error {
	var found problemList
	own := c
	own.Cameras = nil
	eachPath(&own, "", func(key, kind string, path *string) {
		if kind == "file" { // data_dir is created if missing
			found.file(key, *path)
		}
	})
	inherited := map[string]string{}
	eachPath(&own.Defaults, "", func(key, _ string, path *string) { inherited[key] = *path })
	for i, camera := range c.Cameras {
		at := fmt.Sprintf("cameras[%d]", i)
		eachPath(&camera, "", func(key, _ string, path *string) {
			if *path != inherited[key] && (key != "model" || *path != c.Model) {
				found.file(at+"."+key, *path)
			}
		})
		found.source(at+".source", camera.Source)
	}
	return (&Errors{Problems: found}).err()
}

func (f *problemList) file(key, path string) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.add(key, "", "no such file: %s", path)
	case err != nil:
		f.add(key, "", "%s: %v", path, reason(err))
	case !info.Mode().IsRegular():
		f.add(key, "", "is not a file: %s", path)
	}
}

// source checks only sources with a path; whether a camera answers is not part of the configuration.
func (f *problemList) source(key string, a source.Address) {
	if a == (source.Address{}) || a.Live() {
		return
	}
	if _, err := os.Stat(a.Reveal()); err != nil {
		f.add(key, "", "%v: %s", reason(err), a)
	}
}
