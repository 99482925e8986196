// Command schema writes openapi.json, the description of the API, from its Go types and routes.
package main

import (
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"

	"vigil/api"
)

//go:generate go run .

const file = "../openapi.json"

// sources are the folders of the packages whose types are in the document.
var sources = []string{"..", "../../alerts", "../../geometry", "../../internal/errcode"}

func main() {
	doc, err := document()
	if err == nil {
		err = os.WriteFile(file, doc, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "schema:", err)
		os.Exit(1)
	}
}

// document makes the document; the comments of the Go types become its descriptions.
func document() ([]byte, error) {
	var r jsonschema.Reflector
	for _, folder := range sources {
		// The reflector joins the two paths into the package's own.
		if err := r.AddGoComments("vigil/api/schema", folder, jsonschema.WithFullComment()); err != nil {
			return nil, fmt.Errorf("read comments: %w", err)
		}
	}
	return api.Describe(func(t reflect.Type, field string) string {
		key := t.PkgPath() + "." + t.Name()
		if field != "" {
			key += "." + field
		}
		return strings.Join(strings.Fields(r.CommentMap[key]), " ")
	})
}
