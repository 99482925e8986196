package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"vigil/api/access"
)

// Describe returns the OpenAPI document of the routes in the code. about returns the description of a type, or of a
// field of it; "" for none.
func Describe(about func(t reflect.Type, field string) string) ([]byte, error) {
	mux := access.NewMux(access.NewGuard(access.Options{}))
	to := newAPI(&adapter{mux: mux, methods: map[string][]string{}})
	register(&server{guard: mux.Guard()}, to)
	doc := to.OpenAPI()
	for name, s := range doc.Components.Schemas.Map() {
		t := doc.Components.Schemas.TypeFromRef("#/components/schemas/" + name)
		s.Description = about(t, "")
		for _, f := range reflect.VisibleFields(t) {
			key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if p := s.Properties[key]; p != nil && p.Description == "" {
				p.Description = about(ownerOf(t, f), f.Name)
			}
		}
	}
	for path, item := range doc.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Delete} {
			if op == nil {
				continue
			}
			p := op.Metadata[permissionKey]
			op.Description = strings.TrimSpace(fmt.Sprintf("%s Requires the permission %s.", op.Description, p))
			if op.OperationID == "" {
				return nil, fmt.Errorf("a route of %s has no id", path)
			}
		}
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("encode the OpenAPI document: %w", err)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return nil, err
	}
	return append(b.Bytes(), '\n'), nil
}

// ownerOf is the struct that has a field of t, which may be embedded.
func ownerOf(t reflect.Type, f reflect.StructField) reflect.Type {
	for _, i := range f.Index[:len(f.Index)-1] {
		if t = t.Field(i).Type; t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
	}
	return t
}
