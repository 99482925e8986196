// Command schema writes alert-v1.json, the JSON Schema of an alert's data, from the Go type.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"

	"vigil/alerts"
)

//go:generate go run .

const file = "alert-v1.json"

func main() {
	if err := write(); err != nil {
		fmt.Fprintln(os.Stderr, "schema:", err)
		os.Exit(1)
	}
}

func write() error {
	doc, err := document()
	if err != nil {
		return err
	}
	return os.WriteFile(file, doc, 0o644)
}

// document makes the schema; the comments of the Go types become its descriptions.
func document() ([]byte, error) {
	r := &jsonschema.Reflector{
		AllowAdditionalProperties: true, // within a version, fields are added
		ExpandedStruct:            true,
	}
	// The reflector joins the two paths into the package's own.
	for _, path := range []string{"..", "../../geometry"} {
		if err := r.AddGoComments("vigil/alerts/schema", path); err != nil {
			return nil, fmt.Errorf("read comments: %w", err)
		}
	}
	for name, text := range r.CommentMap {
		r.CommentMap[name] = strings.ReplaceAll(text, "\n", " ") // where a line of the source ends means nothing
	}
	s := r.Reflect(alerts.Alert{})
	s.ID = jsonschema.ID(alerts.DataSchema)
	s.Title = "Alert of vigil, version 1"
	s.AllOf = []*jsonschema.Schema{
		when("kind", string(alerts.KindAnomaly), measurement),
		when("phase", string(alerts.PhaseEnd), []string{"end", "end_reason"}),
	}
	s.Required = slices.DeleteFunc(s.Required, func(name string) bool { return slices.Contains(measurement, name) })
	doc, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write schema: %w", err)
	}
	return append(doc, '\n'), nil
}

// measurement is what an anomaly must have and an untrusted camera may lack.
var measurement = []string{"error", "regularity", "peak_error", "peak_regularity", "lo", "threshold", "severity"}

func when(field, value string, required []string) *jsonschema.Schema {
	is := jsonschema.NewProperties()
	is.Set(field, &jsonschema.Schema{Const: value})
	return &jsonschema.Schema{
		If:   &jsonschema.Schema{Properties: is},
		Then: &jsonschema.Schema{Required: required},
	}
}
