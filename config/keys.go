package config

import (
	"encoding"
	"reflect"
	"slices"
	"strings"

	"vigil/geometry"
)

// FieldList is the keys of a map in the file, as fields of its type and in their order.
type FieldList []reflect.StructField

var (
	textType  = reflect.TypeFor[encoding.TextUnmarshaler]()
	pointType = reflect.TypeFor[geometry.Point]()
)

// Fields returns the keys of a value of type want, or nil if it is not a map in the file.
func Fields(want reflect.Type) FieldList {
	if want.Kind() != reflect.Struct || want == pointType || reflect.PointerTo(want).Implements(textType) {
		return nil
	}
	var list FieldList
	for _, f := range reflect.VisibleFields(want) {
		if KeyOf(f) != "" {
			list = append(list, f)
		}
	}
	return list
}

// element returns the type of a list's elements, or nil if a value of type want is not a list in the file.
func element(want reflect.Type) reflect.Type {
	switch {
	case want == pointType:
		return reflect.TypeFor[float64]()
	case want.Kind() == reflect.Slice:
		return want.Elem()
	}
	return nil
}

// KeyOf returns the key of a field in the file; "" for none.
func KeyOf(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return name
}

func (l FieldList) find(name string) *reflect.StructField {
	i := slices.IndexFunc(l, func(f reflect.StructField) bool { return KeyOf(f) == name })
	if i < 0 {
		return nil
	}
	return &l[i]
}

// suggestion suggests what an unknown key may have meant: the same key elsewhere, a similar one at its level, or the
// list of known ones.
func suggestion(name, at string, known FieldList) string {
	var names []string
	best, bestDistance := "", max(1, len(name)/3)+1
	for _, f := range known {
		n := KeyOf(f)
		names = append(names, n)
		if d := distance(strings.ToLower(name), n); d < bestDistance {
			best, bestDistance = n, d
		}
	}
	if places := placesOf(name, reflect.TypeFor[Config](), ""); len(places) > 0 {
		best = strings.Join(places, " or ")
	}
	if best != "" {
		return "did you mean " + best + "?"
	}
	if at == "" {
		at = "the top"
	}
	return "known under " + at + " are " + strings.Join(names, ", ")
}

// placesOf lists the full keys that end in name, with [] for any element of a list.
func placesOf(name string, in reflect.Type, at string) []string {
	var places []string
	for _, f := range Fields(in) {
		key := join(at, KeyOf(f))
		if KeyOf(f) == name {
			places = append(places, key)
		}
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if e := element(inner); e != nil {
			key, inner = key+"[]", e
		}
		places = append(places, placesOf(name, inner, key)...)
	}
	return places
}

// distance is the number of insertions, deletions, substitutions and transpositions of neighbours to turn a into b
// (optimal string alignment).
func distance(a, b string) int {
	const longest = 40 // no key is longer, and the file may contain a very long one.
	if len(a) > longest {
		return len(a)
	}
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
