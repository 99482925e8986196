package main

import (
	"testing"

	"vigil/api"
)

// What is served describes the routes in the code.
func TestDocumentIsCurrent(t *testing.T) {
	doc, err := document()
	if err != nil {
		t.Fatal(err)
	}
	if string(doc) != string(api.Document()) {
		t.Error("openapi.json is not what the code says: run go generate ./api/schema")
	}
}
