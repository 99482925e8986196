package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/invopop/jsonschema"
)

func TestSchemaFileIsCurrent(t *testing.T) {
	want, err := document()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs from the Go types: run go generate ./config/schema", file)
	}
}

// Every key has a description that does not begin with its Go name.
func TestEveryKeyIsDescribed(t *testing.T) {
	doc, err := document()
	if err != nil {
		t.Fatal(err)
	}
	var s jsonschema.Schema
	if err := json.Unmarshal(doc, &s); err != nil {
		t.Fatal(err)
	}
	keys := 0
	look := func(of string, s *jsonschema.Schema) {
		for p := s.Properties.Oldest(); p != nil; p = p.Next() {
			keys++
			// A reference's description is that of its definition, or the property's own.
			text := p.Value.Description
			if text == "" || strings.HasPrefix(strings.ToLower(text), strings.ReplaceAll(p.Key, "_", "")+" ") {
				t.Errorf("%s.%s is described as %q", of, p.Key, text)
			}
		}
	}
	look("", &s)
	for name, d := range s.Definitions {
		look(name, d)
	}
	if keys < 100 {
		t.Errorf("only %d keys were looked at", keys)
	}
}
