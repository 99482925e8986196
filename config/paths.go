package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// eachPath calls visit with every path below v, a pointer to a struct, and its key below at. Paths are the strings with
// the tag path, whose value is file or folder, that are set and not one of the words of the tag unless.
func eachPath(v any, at string, visit func(key, kind string, path *string)) {
	walkPaths(reflect.ValueOf(v).Elem(), at, visit)
}

func walkPaths(v reflect.Value, at string, visit func(key, kind string, path *string)) {
	for _, f := range Fields(v.Type()) {
		key, field := join(at, KeyOf(f)), v.FieldByIndex(f.Index)
		if kind := f.Tag.Get("path"); kind != "" {
			path := field.Addr().Interface().(*string)
			if *path != "" && !slices.Contains(strings.Fields(f.Tag.Get("unless")), *path) {
				visit(key, kind, path)
			}
			continue
		}
		switch field.Kind() {
		case reflect.Struct:
			walkPaths(field, key, visit)
		case reflect.Pointer:
			if !field.IsNil() && field.Elem().Kind() == reflect.Struct {
				walkPaths(field.Elem(), key, visit)
			}
		case reflect.Slice:
			for i := range field.Len() {
				if field.Index(i).Kind() == reflect.Struct {
					walkPaths(field.Index(i), fmt.Sprintf("%s[%d]", key, i), visit)
				}
			}
		default:
		}
	}
}
