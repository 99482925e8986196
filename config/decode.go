package config

import (
	"encoding"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"

	"vigil/capture/source"
	"vigil/geometry"
)

// decode decodes a tree of known keys into a Config on top of Default. viper's own conversions (strings to numbers,
// lists from commas, 5 as five nanoseconds) are disabled; strict replaces them.
func decode(raw map[string]any) (Config, []Problem) {
	cfg := Default()
	if list, ok := raw["cameras"].([]any); ok {
		// The decoder writes into existing elements, so each camera starts from the built-in defaults.
		cfg.Cameras = slices.Repeat([]Camera{{Settings: cfg.Defaults}}, len(list))
		if defaults, ok := raw["defaults"].(map[string]any); ok {
			raw["cameras"] = withDefaults(list, defaults)
		}
	}
	return decodeOnto(cfg, raw)
}

// decodeOnto decodes a tree of known keys into a Config, whose other values stay.
func decodeOnto(cfg Config, raw map[string]any) (Config, []Problem) {
	v := viper.NewWithOptions(viper.KeyDelimiter("\x00"))
	if err := v.MergeConfigMap(raw); err != nil {
		return cfg, []Problem{{Text: err.Error()}}
	}
	err := v.UnmarshalExact(&cfg, func(c *mapstructure.DecoderConfig) {
		c.TagName = "yaml"
		c.Squash = true
		c.WeaklyTypedInput = false
		c.MatchName = func(key, field string) bool { return key == field }
		c.DecodeHook = mapstructure.DecodeHookFuncValue(strict)
	})
	return cfg, problemsIn(err, "")
}

// withDefaults merges the defaults into every camera. A threshold and a calibration are alternatives, so a camera that
// has one of them does not inherit the other.
func withDefaults(cameras []any, defaults map[string]any) []any {
	out := make([]any, len(cameras))
	for i, c := range cameras {
		camera, ok := c.(map[string]any)
		if !ok {
			out[i] = c
			continue
		}
		under := maps.Clone(defaults)
		if camera["threshold"] != nil {
			delete(under, "calibration")
		}
		if camera["calibration"] != nil {
			delete(under, "threshold")
		}
		out[i] = merge(under, camera)
	}
	return out
}

// merge returns the keys of both, preferring over; nested maps are merged recursively.
func merge(under, over map[string]any) map[string]any {
	out := maps.Clone(under)
	for k, v := range over {
		u, ok1 := out[k].(map[string]any)
		o, ok2 := v.(map[string]any)
		if ok1 && ok2 {
			v = merge(u, o)
		}
		out[k] = v
	}
	return out
}

// problemsIn unwraps the decoder's joined errors level by level; each level has a name.
func problemsIn(err error, key string) []Problem {
	//nolint:errorlint // errors.As would find the first of several.
	switch e := err.(type) {
	case nil:
		return nil
	case interface{ Unwrap() []error }:
		var all []Problem
		for _, one := range e.Unwrap() {
			all = append(all, problemsIn(one, key)...)
		}
		return all
	case *mapstructure.DecodeError:
		return problemsIn(e.Unwrap(), e.Name())
	}
	if inner := errors.Unwrap(err); inner != nil && key == "" {
		return problemsIn(inner, key)
	}
	return []Problem{{Key: key, Text: err.Error()}}
}

// strict is called by the decoder with every value before it is set. It accepts only values of the field's type without
// conversion, and reports the value and the expected one in terms of the file.
func strict(from, to reflect.Value) (any, error) {
	v := from.Interface()
	mismatch := func(want string) error { return fmt.Errorf("is %s, must be %s", described(v, to), want) }
	switch target := to.Addr().Interface().(type) {
	case *time.Duration:
		return duration(v, mismatch)
	case *geometry.Point:
		return point(v, mismatch)
	case encoding.TextUnmarshaler:
		if from.Kind() != reflect.String {
			return nil, mismatch("text (put it in quotes)")
		}
		if err := target.UnmarshalText([]byte(from.String())); err != nil {
			return nil, textProblem(v, to, err)
		}
		return to.Interface(), nil
	}
	want := ""
	switch to.Kind() {
	case reflect.String:
		if from.Kind() == reflect.String {
			return from.String(), nil
		}
		want = "text (put it in quotes)"
	case reflect.Bool:
		want = unless(from.Kind() == reflect.Bool, "true or false")
	case reflect.Int:
		want = unless(from.Kind() == reflect.Int, "a whole number")
	case reflect.Float64:
		want = unless(from.Kind() == reflect.Int || from.Kind() == reflect.Float64, "a number")
	case reflect.Slice:
		want = unless(from.Kind() == reflect.Slice, "a list")
		if to.Type() == reflect.TypeFor[geometry.Polygon]() && want != "" {
			want = "a list of points, as [[0.1, 0.2], [0.5, 0.2], [0.5, 0.9]]"
		}
	case reflect.Struct:
		want = unless(from.Kind() == reflect.Map, "a map of keys and values")
	}
	if want != "" {
		return nil, mismatch(want)
	}
	return v, nil
}

func unless(ok bool, want string) string {
	if ok {
		return ""
	}
	return want
}

func duration(v any, mismatch func(string) error) (any, error) {
	const want = "a duration with a unit, such as 500ms, 10s or 2m"
	s, ok := v.(string)
	if e, isEnv := v.(fromEnv); isEnv {
		s, ok = string(e), true
	}
	d, err := time.ParseDuration(s)
	if !ok || err != nil || strings.Trim(s, "+-0") == "" {
		return nil, mismatch(want)
	}
	return d, nil
}

func point(v any, mismatch func(string) error) (any, error) {
	const want = "a point: two numbers from 0 to 1, as [0.25, 0.5]"
	list, ok := v.([]any)
	if !ok || len(list) != 2 {
		return nil, mismatch(want)
	}
	var xy [2]float64
	for i, c := range list {
		switch n := c.(type) {
		case int:
			xy[i] = float64(n)
		case float64:
			xy[i] = n
		case nil: // already reported.
		default:
			return nil, mismatch(want)
		}
	}
	return geometry.Point{X: xy[0], Y: xy[1]}, nil
}

// textProblem formats the error of a type's UnmarshalText. An address's error never quotes it.
func textProblem(v any, to reflect.Value, err error) error {
	if to.Type() == reflect.TypeFor[source.Address]() {
		return err
	}
	return fmt.Errorf("is %s, %w", described(v, to), err)
}
