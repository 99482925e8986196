package docs

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// CheckFields compares a section of docs/formats.md with the code: the first column of its tables must name exactly the
// fields of these types, including those of nested structs.
func CheckFields(t testing.TB, section string, types ...reflect.Type) {
	t.Helper()
	var want []string
	for _, typ := range types {
		want = append(want, fields(typ, "", nil)...)
	}
	CheckNames(t, section, want...)
}

// CheckNames is CheckFields for names that are not fields of a type, such as the columns of a table.
func CheckNames(t testing.TB, section string, want ...string) {
	t.Helper()
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", "formats.md"))
	if err != nil {
		t.Fatal(err)
	}
	got := FirstColumn(Page{Text: string(text)}.Section(section))
	if len(got) == 0 {
		t.Errorf("docs/formats.md: the section %q has no table with names", section)
	}
	for _, name := range want {
		if !slices.Contains(got, name) {
			t.Errorf("docs/formats.md, section %q: %s is not described", section, name)
		}
	}
	for _, name := range got {
		if !slices.Contains(want, name) {
			t.Errorf("docs/formats.md, section %q: there is no %s", section, name)
		}
	}
}

// fields returns the encoding/json names of a type's fields, those of nested structs as outer.inner.
func fields(t reflect.Type, prefix string, names []string) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() {
		return names
	}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || !f.IsExported() || f.Anonymous || len(f.Index) > 1 {
			continue
		}
		if name == "" {
			name = f.Name
		}
		names = append(names, prefix+name)
		names = fields(f.Type, prefix+name+".", names)
	}
	return names
}
