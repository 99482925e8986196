package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	validate "github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// compiled is the schema as an editor reads it.
func compiled(t *testing.T) *validate.Schema {
	t.Helper()
	doc, err := validate.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		t.Fatal(err)
	}
	c := validate.NewCompiler()
	if err := c.AddResource("vigil.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("vigil.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// document is a YAML text as a JSON value.
func document(t *testing.T, text []byte) any {
	t.Helper()
	var doc any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	value, err := validate.UnmarshalJSON(strings.NewReader(string(asJSON)))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestSchemaAcceptsWhatLoadAccepts(t *testing.T) {
	s := compiled(t)
	files, err := filepath.Glob("testdata/*.good.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(files, "example.yaml") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(document(t, text)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := s.Validate(document(t, []byte(uncommented()))); err != nil {
		t.Errorf("the example with its defaults: %v", err)
	}
}

func TestSchemaRefuses(t *testing.T) {
	s := compiled(t)
	for _, setting := range []string{
		"hopp: 1", "hop: 0", "hop: 161", "hop: 8.5", `hop: "8"`, "fps: 121", "transport: sctp", "open_timeout: 10",
		`open_timeout: "10"`, "detector: {enter: 0}", "mask: [[[0, 0], [1, 1]]]", "mask: [[[0, 0], [1, 1], [0, 2]]]",
		"armed: [{from: 7:30}]", "armed: {}", "realtime: yes", "zones: [{name: a}]", "threshold: {theta: a}", "name: A",
	} {
		text := fmt.Sprintf("cameras: [{source: device:0, %s}]", setting)
		if !strings.Contains(setting, "name: A") {
			text = strings.Replace(text, "{source", "{name: a, source", 1)
		}
		if err := s.Validate(document(t, []byte(text))); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
}
