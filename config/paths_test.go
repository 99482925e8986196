package config

import (
	"encoding/json"
	"path/filepath"
	"reflect"
	"regexp"
	"testing"
)

// aPath matches the description of a key that is a path.
var aPath = regexp.MustCompile(`(?i)\b(file|folder)\b`)

// Every key that is described as a file or a folder has the tag path, and no other has.
func TestPathsAreTagged(t *testing.T) {
	type object struct {
		Properties map[string]struct{ Description string }
	}
	var schema struct {
		object
		Defs map[string]object `json:"$defs"`
	}
	if err := json.Unmarshal(Schema, &schema); err != nil {
		t.Fatal(err)
	}
	paths := 0
	var look func(reflect.Type)
	look = func(in reflect.Type) {
		for _, f := range Fields(in) {
			inner := f.Type
			if inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
				inner = inner.Elem()
			}
			look(inner)
			kind, tagged := f.Tag.Lookup("path")
			if f.Type.Kind() != reflect.String {
				if tagged {
					t.Errorf("%s.%s: the tag path is for strings", in.Name(), f.Name)
				}
				continue
			}
			about := schema.Defs[in.Name()]
			if in == reflect.TypeFor[Config]() {
				about = schema.object
			}
			text := about.Properties[KeyOf(f)].Description
			if text == "" {
				t.Errorf("%s.%s has no description in the schema", in.Name(), f.Name)
			}
			if aPath.MatchString(text) != tagged || tagged && kind != "file" && kind != "folder" {
				t.Errorf("%s.%s has the tag path:%q, and its description is: %s", in.Name(), f.Name, kind, text)
			}
			if tagged {
				paths++
			}
		}
	}
	look(reflect.TypeFor[Config]())
	if paths < 9 {
		t.Errorf("only %d keys are paths", paths)
	}
}

// Relative paths start at the file's folder, at every level; trust may also be a word.
func TestPathsAreAbsolute(t *testing.T) {
	c, problems := load([]byte(`
data_dir: d
model: m
nats: {creds: x, nkey: x, tls: {ca: x, cert: x, key: x}}
mqtt: {tls: {ca: x, cert: x, key: x}}
webhook: {tls: {ca: x, cert: x, key: x}}
defaults: {model: x, calibration: x, trust: x}
cameras:
  - {name: a, source: "device:0", model: x, calibration: x, trust: system}
  - {name: b, source: "device:1", model: x, calibration: x, trust: any}
`), "/etc/vigil")
	_ = problems // rules between keys are not meant here
	found := 0
	eachPath(&c, "", func(key, _ string, path *string) {
		if found++; filepath.Dir(*path) != "/etc/vigil" {
			t.Errorf("%s is %s", key, *path)
		}
	})
	if found != 20 || c.Cameras[0].Trust != TrustSystem || c.Cameras[1].Trust != TrustAny {
		t.Errorf("%d paths, trust %q and %q", found, c.Cameras[0].Trust, c.Cameras[1].Trust)
	}
}
