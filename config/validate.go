package config

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/go-playground/validator/v10"
)

// Validate returns all problems of the values as one *Errors. It checks nothing outside of c; see CheckFiles for the
// files that c names.
func (c Config) Validate() error {
	return (&Errors{Problems: c.problems()}).err()
}

func (c Config) problems() []Problem {
	var found problemList
	found.fromTags(c)
	found.nats(c.NATS)
	found.sinks(c)
	found.http(c.HTTP)
	found.settings("defaults", c.Defaults)
	names := map[string]int{}
	for i, camera := range c.Cameras {
		key := fmt.Sprintf("cameras[%d]", i)
		found.camera(key, camera)
		if first, twice := names[camera.Name]; twice && camera.Name != "" {
			found.add(key+".name", quoted(camera.Name),
				"the same as cameras[%d].name; every camera must have a name of its own", first)
		} else {
			names[camera.Name] = i
		}
	}
	return found
}

// problemList are problems of the form "is GOT, must be WANT".
type problemList []Problem

func (f *problemList) add(key, got, format string, args ...any) {
	p := Problem{Key: key, Text: fmt.Sprintf(format, args...), got: got}
	if got != "" {
		p.Text = "is " + got + ", " + p.Text
	}
	*f = append(*f, p)
}

// ranges is the validator for the struct tags; it names fields by their keys.
var ranges = sync.OnceValue(func() *validator.Validate {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(KeyOf)
	return v
})

func (f *problemList) fromTags(c Config) {
	var fields validator.ValidationErrors
	if !errors.As(ranges().Struct(c), &fields) {
		return
	}
	for _, e := range fields {
		key := strings.ReplaceAll(strings.TrimPrefix(e.Namespace(), "Config."), ".Settings.", ".")
		f.add(key, value(e.Value()), "%s", wanted(e))
	}
}

// value formats a checked value for a message.
func value(v any) string {
	if s, ok := v.(string); ok {
		return quoted(s)
	}
	return fmt.Sprint(v)
}

// wanted describes the tag that a value violates.
func wanted(e validator.FieldError) string {
	switch e.Tag() {
	case "min":
		return "must be at least " + e.Param()
	case "max":
		return "must be at most " + e.Param()
	case "gt":
		return "must be above " + e.Param()
	case "oneof":
		return "must be one of " + strings.Join(strings.Fields(e.Param()), ", ")
	case "required":
		return "must not be empty"
	}
	return "must meet " + strings.TrimSuffix(e.Tag()+"="+e.Param(), "=")
}
