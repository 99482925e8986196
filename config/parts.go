package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// LoadParts is Load for a command that reads only some top-level keys, such as nats or data_dir: problems of other keys
// are not reported, for example an unset variable. Only the keys in parts may be used.
func LoadParts(path string, parts ...string) (Config, error) {
	cfg, err := Load(path)
	return cfg, only(err, func(key string) bool { return slices.Contains(parts, key) })
}

// LoadCamera is LoadParts for the settings of the camera of this name, which it returns as well.
func LoadCamera(path, name string) (Config, Camera, error) {
	cfg, err := Load(path)
	i := slices.IndexFunc(cfg.Cameras, func(c Camera) bool { return c.Name == name })
	own := fmt.Sprintf("cameras[%d]", i)
	err = only(err, func(key string) bool {
		return key == own || key == "defaults" || key == "model" ||
			key == "threads"
	})
	switch {
	case err != nil:
		return cfg, Camera{}, err
	case i < 0:
		return cfg, Camera{}, fmt.Errorf("%s has no camera %q; it has %s", path, name, strings.Join(cfg.names(), ", "))
	}
	return cfg, cfg.Cameras[i], nil
}

func (c Config) names() []string {
	var names []string
	for _, camera := range c.Cameras {
		names = append(names, camera.Name)
	}
	return names
}

// only filters the problems of the parts that are read, and those of the file as a whole: syntax errors, and unknown
// keys, which may be a misspelt part.
func only(err error, read func(part string) bool) error {
	e, ok := errors.AsType[*Errors](err)
	if !ok {
		return err
	}
	left := &Errors{File: e.File}
	for _, p := range e.Problems {
		part := p.Key
		if i := strings.IndexByte(part, '.'); i >= 0 {
			part = part[:i]
		}
		if part == p.Key && !strings.Contains(part, "[") || read(part) {
			left.Problems = append(left.Problems, p)
		}
	}
	return left.err()
}
