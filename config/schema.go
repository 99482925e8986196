package config

import (
	"embed"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/invopop/jsonschema"

	"vigil/capture/source"
	"vigil/geometry"
)

// sources are the files whose doc comments describe the keys, so that each description is written once.
//
//go:embed config.go hours.go sinks.go
var sources embed.FS

// Schema returns a JSON Schema of the configuration file for editors: every key with its description, its range and its
// default. Load may still refuse what it accepts, since rules between keys are not in it.
func Schema() ([]byte, error) {
	comments, err := docComments()
	if err != nil {
		return nil, fmt.Errorf("reading the descriptions: %w", err)
	}
	r := &jsonschema.Reflector{
		Anonymous:                  true,
		ExpandedStruct:             true,
		FieldNameTag:               "yaml",
		RequiredFromJSONSchemaTags: true,
		Mapper:                     mapped,
		LookupComment: func(t reflect.Type, field string) string {
			return comments[strings.TrimSuffix(t.Name()+"."+field, ".")]
		},
	}
	s := r.Reflect(Config{})
	s.Title = "vigil's configuration"
	s.Description = "The configuration file of vigil. ${NAME} in a text stands for a variable of the environment."
	d := Default()
	refined := refinerOf(s.Definitions)
	refined.refine(s, reflect.ValueOf(d))
	for _, element := range []any{Camera{Settings: d.Defaults}, Threshold{}, Zone{}, Hours{}, Account{}} {
		refined.definition(reflect.ValueOf(element))
	}
	s.Definitions["Camera"].Required = []string{"name", "source"}
	s.Definitions["Account"].Required = []string{"name", "rights"}
	s.Definitions["Zone"].Required = []string{"name", "polygon"}
	s.Definitions["TLS"].DependentRequired = map[string][]string{"cert": {"key"}, "key": {"cert"}}
	return json.MarshalIndent(s, "", "  ")
}

// forms are the patterns of texts, in addition to those of types.
var forms = map[string]string{
	"Camera.name":    nameForm.String(),
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
	case reflect.TypeFor[Secret]():
		return text("", "${NATS_PASSWORD}")
	case reflect.TypeFor[TimeZone]():
		return text("", "Europe/Berlin")
	case reflect.TypeFor[Rate]():
		return text(`^[0-9.]+/(hour|day|week)$|\$\{`, "1/day", "2/week")
	case reflect.TypeFor[Clock]():
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
	for _, f := range fields(defaults.Type()) {
		p, ok := s.Properties.Get(yamlName(f))
		if !ok {
			continue
		}
		if v := defaults.FieldByIndex(f.Index); fields(f.Type) != nil {
			r.definition(v)
		}
		if form := forms[defaults.Type().Name()+"."+yamlName(f)]; form != "" {
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

// docComments returns the doc comments of the types and their fields as single lines, by Type and Type.Field.
func docComments() (map[string]string, error) {
	comments := map[string]string{}
	entries, err := sources.ReadDir(".")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		text, err := sources.ReadFile(e.Name())
		if err != nil {
			return nil, err
		}
		file, err := parser.ParseFile(token.NewFileSet(), e.Name(), text, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		for _, decl := range file.Decls {
			if g, ok := decl.(*ast.GenDecl); ok && g.Tok == token.TYPE {
				typeComments(g, comments)
			}
		}
	}
	return comments, nil
}

func typeComments(g *ast.GenDecl, comments map[string]string) {
	for _, spec := range g.Specs {
		t, ok := spec.(*ast.TypeSpec)
		if !ok {
			continue
		}
		comments[t.Name.Name] = oneLine(g.Doc)
		s, ok := t.Type.(*ast.StructType)
		if !ok {
			continue
		}
		for _, f := range s.Fields.List {
			for _, name := range f.Names {
				comments[t.Name.Name+"."+name.Name] = describedKey(name.Name, oneLine(f.Doc))
			}
		}
	}
}

func oneLine(doc *ast.CommentGroup) string { return strings.Join(strings.Fields(doc.Text()), " ") }

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
