package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"vigil/internal/errcode"
)

// CameraDocument is a camera in a document of its own: an element of the list cameras, with the keys that are set and
// without the defaults. Printing it does not show the source.
type CameraDocument struct {
	Name   string
	Source Secret
	values map[string]any // without name and source
}

// cameraKey is where a camera of a document stands while it is checked.
const cameraKey = "cameras[0]"

// ParseCamera reads the document of a camera of this name, in YAML or JSON. It checks keys and types; values are
// checked with the defaults, by Camera. Unlike in a file, $ stands for itself: nothing is replaced by variables of the
// environment, which whoever makes a camera need not be allowed to read.
func ParseCamera(name string, text []byte) (CameraDocument, error) {
	d := CameraDocument{Name: name}
	root, problem := parse(joinSurrogates(text))
	if problem != nil {
		problem.Line = 0
		return d, d.errors(*problem)
	}
	t := &tree{lines: map[string]int{}, literal: true}
	values, _ := t.value(root, cameraKey, reflect.TypeFor[Camera]()).(map[string]any)
	if len(t.problems) > 0 {
		return d, d.errors(t.problems...)
	}
	if given, has := values["name"]; has && given != name {
		return d, d.errors(Problem{Key: "name", Text: "is not " + name + "; must be the same, or left out"})
	}
	address, isText := values["source"].(string)
	if _, has := values["source"]; has && !isText {
		return d, d.errors(Problem{Key: "source", Text: "must be text (put it in quotes)"})
	}
	d.Source = NewSecret(address)
	delete(values, "name")
	delete(values, "source")
	d.values = values
	return d, nil
}

// joinSurrogates replaces the pairs of escapes by which JSON writes characters beyond the first plane, which YAML does
// not have, by the characters.
func joinSurrogates(text []byte) []byte {
	if !json.Valid(text) {
		return text
	}
	const pair = len(`\ud83d\ude00`)
	joined := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			joined = append(joined, text[i])
			continue
		}
		if i+pair <= len(text) && text[i+1] == 'u' && text[i+6] == '\\' && text[i+7] == 'u' {
			var r string
			if err := json.Unmarshal(slices.Concat([]byte{'"'}, text[i:i+pair], []byte{'"'}), &r); err == nil &&
				utf8.RuneCountInString(r) == 1 {
				joined = append(joined, r...)
				i += pair - 1
				continue
			}
		}
		joined = append(joined, text[i], text[i+1]) // JSON that is valid does not end in a backslash
		i++
	}
	return joined
}

// JSON returns the document without its name and its source.
func (d CameraDocument) JSON() ([]byte, error) {
	if d.values == nil {
		return []byte("{}"), nil
	}
	return json.Marshal(d.values)
}

// Same reports whether two documents say the same.
func (d CameraDocument) Same(other CameraDocument) bool {
	a, errA := d.JSON()
	b, errB := other.JSON()
	return d.Name == other.Name && d.Source == other.Source && errA == nil && errB == nil && string(a) == string(b)
}

// Text returns the value of a key at the top, if it is a text; "" for any other.
func (d CameraDocument) Text(key string) string {
	text, _ := d.values[key].(string)
	return text
}

// Changed returns the keys at the top of the document that another one has with another value, or not at all.
func (d CameraDocument) Changed(other CameraDocument) []string {
	var keys []string
	if d.Source != other.Source {
		keys = append(keys, "source")
	}
	for _, key := range slices.Sorted(maps.Keys(d.values)) {
		if !reflect.DeepEqual(d.values[key], other.values[key]) {
			keys = append(keys, key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(other.values)) {
		if _, has := d.values[key]; !has {
			keys = append(keys, key)
		}
	}
	return keys
}

// Camera returns the camera of a document as if it stood in the list of a configuration file in folder: it has the
// file's defaults, and relative paths start at the folder. All problems are one *Errors with the keys of the camera.
func (c Config) Camera(d CameraDocument, folder string) (Camera, error) {
	values := maps.Clone(d.values)
	if values == nil {
		values = map[string]any{}
	}
	values["name"] = d.Name
	if d.Source != (Secret{}) {
		values["source"] = d.Source.Reveal()
	}
	base := Default()
	base.Model = c.Model
	base.Cameras = []Camera{{Settings: c.Defaults.under(values)}}
	cfg, problems := decodeOnto(base, map[string]any{"cameras": []any{values}})
	problems = append(problems, cfg.resolve(folder)...)
	cfg.fillModels()
	problems = (&tree{}).locateProblems(problems, cfg.problems())
	return cfg.Cameras[0], d.errors(problems...)
}

// under returns a copy of the defaults for a camera with these values, into which they can be decoded: lists are
// replaced as a whole, and of threshold and calibration the camera's own counts.
func (s Settings) under(values map[string]any) Settings {
	if s.Threshold != nil {
		own := *s.Threshold
		s.Threshold = &own
	}
	if values["threshold"] != nil {
		s.Calibration = ""
	}
	if values["calibration"] != nil {
		s.Threshold = nil
	}
	v := reflect.ValueOf(&s).Elem()
	for _, f := range Fields(v.Type()) {
		if _, given := values[KeyOf(f)]; !given || KeyOf(f) == "threshold" {
			continue
		}
		if kind := f.Type.Kind(); kind == reflect.Slice || kind == reflect.Pointer {
			v.FieldByIndex(f.Index).SetZero()
		}
	}
	return s
}

// errors returns the problems with the keys of the camera; nil for none.
func (d CameraDocument) errors(problems ...Problem) error {
	e := &Errors{File: fmt.Sprintf("camera %s", d.Name)}
	for _, p := range problems {
		p.Key = strings.TrimPrefix(strings.TrimPrefix(p.Key, cameraKey), ".")
		p.Line = 0
		if p.Code == "" {
			p.Code = errcode.ConfigBadValue
		}
		e.Problems = append(e.Problems, p)
	}
	return e.err()
}
