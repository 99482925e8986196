// Command schema writes schema.json, the JSON Schema of the configuration file, from the Go types of package config.
package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/invopop/jsonschema"

	"vigil/capture/source"
	"vigil/config"
	"vigil/geometry"
)

//go:generate go run .

const file = "../schema.json"

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
		Anonymous:                  true,
		ExpandedStruct:             true,
		FieldNameTag:               "yaml",
		RequiredFromJSONSchemaTags: true,
		Mapper:                     mapped,
	}
	// The reflector joins the two paths into the package's own.
	if err := r.AddGoComments("vigil/config/schema", "..", jsonschema.WithFullComment()); err != nil {
		return nil, fmt.Errorf("read comments: %w", err)
	}
	for key, text := range r.CommentMap {
		name := key[strings.LastIndexByte(key, '.')+1:]
		text = strings.Join(strings.Fields(text), " ") // where a line of the source ends means nothing
		if strings.Count(key[strings.LastIndexByte(key, '/')+1:], ".") == 2 {
			text = describedKey(name, text)
		}
		r.CommentMap[key] = text
	}
	s := r.Reflect(config.Config{})
	s.Title = "vigil's configuration"
	s.Description = "The configuration file of vigil. ${NAME} in a text stands for a variable of the environment."
	d := config.Default()
	refined := refinerOf(s.Definitions)
	refined.refine(s, reflect.ValueOf(d))
	for _, element := range []any{
		config.Camera{Settings: d.Defaults},
		config.Threshold{},
		config.Zone{},
		config.Hours{},
		config.Account{},
	} {
		refined.definition(reflect.ValueOf(element))
	}
	s.Definitions["Camera"].Required = []string{"name", "source"}
	s.Definitions["Account"].Required = []string{"name", "rights"}
	s.Definitions["Zone"].Required = []string{"name", "polygon"}
	s.Definitions["TLS"].DependentRequired = map[string][]string{"cert": {"key"}, "key": {"cert"}}
	s.Definitions["ServerTLS"].DependentRequired = s.Definitions["TLS"].DependentRequired
	doc, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write schema: %w", err)
	}
	return append(doc, '\n'), nil
}

// forms are the patterns of texts, in addition to those of types.
var forms = map[string]string{
	"Camera.name":    config.CameraNamePattern,
	"Zone.name":      `^\S(.{0,62}\S)?$`,
	"NATS.url":       `(?i)^$|^((nats|tls|wss?)://[^@,]+(,\s*|$))+$|\$\{`,
	"Account.name":   `^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$|\$\{`,
	"Account.nkey":   `^$|^U[A-Z2-7]{55}$|\$\{`,
	"MQTT.url":       `(?i)^$|^(tcp|ssl)://[^@/?#]+$|\$\{`,
	"MQTT.topic":     topicPattern,
	"MQTT.discovery": `^$|` + topicPattern,
	"Webhook.url":    `(?i)^$|^https?://[^/?#]+([/?#][^@]*)?$|^https?://[a-z0-9-]+(\.[a-z0-9-]+)+[/?#]|^\*\*\*$|\$\{`,
}

// topicPattern is the pattern of topic prefixes, equivalent to the rule.
const topicPattern = `^[^#+/$\s]([^#+\s]*[^#+/\s])?$|\$\{`

// mapped describes the types with UnmarshalText.
func mapped(t reflect.Type) *jsonschema.Schema {
	text := func(pattern string, examples ...any) *jsonschema.Schema {
		return &jsonschema.Schema{Type: "string", Pattern: pattern, Examples: examples}
	}
	switch t {
	case reflect.TypeFor[time.Duration]():
		return text(
			`^([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h)(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h))*$|\$\{`,
			"500ms", "10s", "2m")
	case reflect.TypeFor[source.Address]():
		return text("", "rtsp://camera.example/stream", "device:0", "recording.mkv")
	case reflect.TypeFor[config.Secret]():
		return text("", "${NATS_PASSWORD}")
	case reflect.TypeFor[config.TimeZone]():
		return text("", "Europe/Berlin")
	case reflect.TypeFor[config.Rate]():
		return text(`^[0-9.]+/(hour|day|week)$|\$\{`, "1/day", "2/week")
	case reflect.TypeFor[config.Clock]():
		return text(`^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$|\$\{`, "07:30")
	case reflect.TypeFor[geometry.Polygon]():
		three, two := uint64(3), uint64(2)
		fraction := &jsonschema.Schema{Type: "number", Minimum: "0", Maximum: "1"}
		return &jsonschema.Schema{
			Type: "array", MinItems: &three,
			Description: "Corners in order, [x, y] each, in fractions of the picture from its top left corner.",
			Items:       &jsonschema.Schema{Type: "array", MinItems: &two, MaxItems: &two, Items: fraction},
			Examples:    []any{[][]float64{{0.1, 0.2}, {0.5, 0.2}, {0.5, 0.9}}},
		}
	}
	return nil
}

// refiner holds the definitions that are not refined yet.
type refiner map[string]*jsonschema.Schema

func refinerOf(definitions jsonschema.Definitions) refiner { return refiner(maps.Clone(definitions)) }

// definition refines the definition of a value's type, once, since several maps may use it.
func (r refiner) definition(defaults reflect.Value) {
	name := defaults.Type().Name()
	if s := r[name]; s != nil {
		delete(r, name)
		r.refine(s, defaults)
	}
}

// refine adds the ranges of the validate tags, the patterns and the defaults to the properties of one map and its
// nested maps.
func (r refiner) refine(s *jsonschema.Schema, defaults reflect.Value) {
	for _, f := range config.Fields(defaults.Type()) {
		p, ok := s.Properties.Get(config.KeyOf(f))
		if !ok {
			continue
		}
		if v := defaults.FieldByIndex(f.Index); config.Fields(f.Type) != nil {
			r.definition(v)
		}
		if form := forms[defaults.Type().Name()+"."+config.KeyOf(f)]; form != "" {
			p.Pattern = form
		}
		for rule := range strings.SplitSeq(f.Tag.Get("validate"), ",") {
			name, param, _ := strings.Cut(rule, "=")
			isNumber := p.Type == "integer" || p.Type == "number"
			switch {
			case name == "oneof":
				of := p
				if p.Type == "array" { // after a dive
					of = p.Items
				}
				for choice := range strings.FieldsSeq(param) {
					of.Enum = append(of.Enum, choice)
				}
			case name == "min" && p.Type == "array":
				least, err := strconv.ParseUint(param, 10, 64)
				if err == nil {
					p.MinItems = &least
				}
			case name == "required" && p.Type == "string":
				one := uint64(1)
				p.MinLength = &one
			case name == "min" && isNumber:
				p.Minimum = json.Number(param)
			case name == "max" && isNumber:
				p.Maximum = json.Number(param)
			case name == "gt" && isNumber:
				p.ExclusiveMinimum = json.Number(param)
			case name == "min" && p.Type == "string":
				p.Description += " At least " + param + ","
			case name == "max" && p.Type == "string":
				p.Description += " at most " + param + "."
			}
		}
		if v := defaults.FieldByIndex(f.Index); !v.IsZero() && v.Kind() != reflect.Struct {
			p.Default = v.Interface()
			if d, ok := p.Default.(time.Duration); ok {
				p.Default = d.String()
			}
		}
	}
}

// describedKey removes the Go name from the start of a comment, since an editor shows the key next to it.
func describedKey(name, text string) string {
	rest, ok := strings.CutPrefix(text, name+" ")
	if !ok {
		return text
	}
	for _, verb := range []string{"is ", "are ", "says "} {
		rest = strings.TrimPrefix(rest, verb)
	}
	return strings.ToUpper(rest[:1]) + rest[1:]
}
