package config

import (
	"cmp"
	"errors"
	"slices"
	"strings"
)

// File is a configuration with the lines of its keys.
type File struct {
	Config
	path  string
	lines map[string]int
}

// Join adds problems to an error of Open or CheckFiles, with the lines of their keys and in the order of the file. A
// camera's problem inherited from the defaults, or from the top, is reported once, for those. Keys with an existing
// problem get no second one. It returns nil if there is no problem.
func (f *File) Join(err error, more ...Problem) error {
	all := &Errors{File: f.path}
	said := map[string]bool{}
	e, isErrors := errors.AsType[*Errors](err)
	if err != nil && !isErrors {
		more = append([]Problem{{Text: err.Error()}}, more...)
	}
	if isErrors {
		more = append(slices.Clone(e.Problems), more...)
	}
	for i, p := range more {
		p.Key = f.owner(p.Key)
		p.Line = cmp.Or(p.Line, (&tree{lines: f.lines}).line(p.Key))
		if isNew := !isErrors || i >= len(e.Problems); isNew && said[p.Key] && p.Key != "" ||
			slices.Contains(all.Problems, p) {
			continue
		}
		said[p.Key] = true
		all.Problems = append(all.Problems, p)
	}
	slices.SortStableFunc(all.Problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return all.err()
}

// owner returns the key in the file that a camera's value comes from.
func (f *File) owner(key string) string {
	camera, rest, below := strings.Cut(key, "].")
	if f.lines[key] > 0 || !below || !strings.HasPrefix(camera, "cameras[") {
		return key
	}
	for _, other := range []string{"defaults." + rest, rest} {
		if f.lines[other] > 0 {
			return other
		}
	}
	return key
}
