package docs

import (
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// formats is the folder with a page for each format.
const formats = "docs/formats"

// CheckFields compares a page of docs/formats, or one section of it, with the code: the first column of the tables must
// name exactly the fields of these types, including those of nested structs.
func CheckFields(t testing.TB, page, section string, types ...reflect.Type) {
	t.Helper()
	var want []string
	for _, typ := range types {
		want = append(want, fields(typ, "", nil)...)
	}
	CheckNames(t, page, section, want...)
}

// CheckNames is CheckFields for names that are not fields of a type, such as the columns of a table.
func CheckNames(t testing.TB, page, section string, want ...string) {
	t.Helper()
	p := formatPage(t, page)
	text, where := p.Text, p.Path
	if section != "" {
		text, where = p.Section(section), p.Path+"#"+section
	}
	got := FirstColumn(text)
	if len(got) == 0 {
		t.Errorf("%s has no table with names", where)
	}
	for _, name := range want {
		if !slices.Contains(got, name) {
			t.Errorf("%s does not describe %s", where, name)
		}
	}
	for _, name := range got {
		if !slices.Contains(want, name) {
			t.Errorf("%s: there is no %s", where, name)
		}
	}
}

// CheckVersion fails if the index of the formats gives a page another version.
func CheckVersion(t testing.TB, page string, version int) {
	t.Helper()
	index := formatPage(t, "README.md")
	for row := range strings.Lines(index.Text) {
		if !strings.Contains(row, "]("+page+")") {
			continue
		}
		words := strings.Fields(strings.Split(row, "|")[2])
		if words[len(words)-1] != strconv.Itoa(version) {
			t.Errorf("%s: the version of %s is %d, not %s", index.Path, page, version, words)
		}
		return
	}
	t.Errorf("%s does not link %s", index.Path, page)
}

func formatPage(t testing.TB, name string) Page {
	t.Helper()
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(formats), name))
	if err != nil {
		t.Fatal(err)
	}
	return Page{Path: path.Join(formats, name), Text: string(text)}
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
		if name == "-" || !f.IsExported() || f.Anonymous {
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
