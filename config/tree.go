package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"vigil/internal/errcode"
)

// maxNodes bounds the expansion of aliases. Their depth is bounded by that of the settings.
const maxNodes = 100_000

// tree converts a YAML document to plain maps, lists and scalars with known keys only, and records the line of each
// key. viper folds the case of keys and splits them at dots, so keys are checked here first.
type tree struct {
	lines    map[string]int  // full key -> line
	expanded map[string]bool // keys whose value came from the environment
	lookup   func(string) (string, bool)
	literal  bool // $ stands for itself
	nodes    int
	problems []Problem
}

// fromEnv is a text with a value of the environment, which may be a secret.
type fromEnv string

func (t *tree) report(key string, line int, format string, args ...any) {
	t.problems = append(t.problems, Problem{Key: key, Line: line, Text: fmt.Sprintf(format, args...)})
}

// reportAs is report for a problem with a code of its own.
func (t *tree) reportAs(code errcode.Code, key string, line int, format string, args ...any) {
	t.report(key, line, format, args...)
	t.problems[len(t.problems)-1].Code = code
}

// parse returns the root of the single document in data.
func parse(data []byte) (*yaml.Node, *Problem) {
	if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
		return nil, &Problem{
			Text: "is not a text file in UTF-8; a configuration is YAML, as vigil config init writes it",
			Code: errcode.ConfigNotYAML,
		}
	}
	var doc, second yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(&doc); errors.Is(err, io.EOF) || err == nil && isNull(doc.Content[0]) {
		return nil, &Problem{Text: "is empty; vigil config init writes one to start from", Code: errcode.ConfigNotYAML}
	} else if err != nil {
		return nil, syntaxProblem(err)
	}
	switch err := d.Decode(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		return nil, syntaxProblem(err)
	default:
		return nil, &Problem{
			Line: second.Line,
			Text: "a second document starts here; must be one (take out the --- line)",
		}
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, &Problem{Line: root.Line, Text: "is not a map of keys and values, as vigil config init writes it"}
	}
	return root, nil
}

var syntaxForm = regexp.MustCompile(`^yaml: (?:line ([0-9]+): )?(.*)`)

// syntaxProblem returns the parser's message without quotes from the file, which may contain a password.
func syntaxProblem(err error) *Problem {
	p := &Problem{Text: "is not YAML", Code: errcode.ConfigNotYAML}
	if m := syntaxForm.FindStringSubmatch(err.Error()); m != nil {
		p.Line, _ = strconv.Atoi(m[1]) // not a number is line 0: unknown.
		if strings.Contains(m[2], "anchor") {
			p.Text = "has an alias (*) without its anchor (&); a text that starts with * needs quotes"
		} else if !strings.ContainsAny(m[2], "'\"`") {
			p.Text += ": " + m[2]
		}
	}
	return p
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// value converts n, which stands at key, for a field of type want. It gives nil where it has reported a problem.
func (t *tree) value(n *yaml.Node, key string, want reflect.Type) any {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if t.nodes++; t.nodes > maxNodes {
		if t.nodes == maxNodes+1 {
			t.report(key, n.Line, "goes beyond %d values, counting what aliases (*) stand for; must have fewer",
				maxNodes)
		}
		return nil
	}
	if want.Kind() == reflect.Pointer {
		want = want.Elem()
	}
	switch {
	case isNull(n):
		t.report(key, t.lines[key], "has no value; must have one, or the key must be left out")
		return nil
	case n.Kind == yaml.MappingNode:
		return t.mapping(n, key, want)
	case n.Kind == yaml.SequenceNode:
		return t.sequence(n, key, want)
	}
	return t.scalar(n, key, want)
}

func (t *tree) mapping(n *yaml.Node, key string, want reflect.Type) any {
	m := map[string]any{}
	known := Fields(want)
	if known == nil {
		return m // the decoder says that no map is wanted here.
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		full := join(key, excerpt(k.Value))
		field := known.find(k.Value)
		switch {
		case k.Kind != yaml.ScalarNode:
			t.report(key, k.Line, "has a key that is a list, a map or an alias; must be a word")
		case seen[k.Value] > 0:
			t.report(full, k.Line, "is given twice, first in line %d; must be given once", seen[k.Value])
		case k.Value == "<<":
			t.report(full, k.Line, "merge keys are not supported; what all cameras share goes under defaults")
		case field == nil:
			t.reportAs(errcode.ConfigUnknownKey, full, k.Line, "unknown key; %s", suggestion(k.Value, key, known))
		default:
			t.lines[full] = k.Line
			if x := t.value(v, full, field.Type); x != nil {
				m[k.Value] = x
			}
		}
		if seen[k.Value] == 0 {
			seen[k.Value] = k.Line
		}
	}
	return m
}

func (t *tree) sequence(n *yaml.Node, key string, want reflect.Type) any {
	list := []any{}
	elem := element(want)
	if elem == nil {
		return list // the decoder says that no list is wanted here.
	}
	for i, c := range n.Content {
		full := fmt.Sprintf("%s[%d]", key, i)
		t.lines[full] = c.Line
		list = append(list, t.value(c, full, elem))
	}
	return list
}

func (t *tree) scalar(n *yaml.Node, key string, want reflect.Type) any {
	var v any
	if n.Style&yaml.TaggedStyle != 0 {
		t.report(key, n.Line, "has a YAML tag (!), which is not supported; a text that starts with ! needs quotes")
		return nil
	}
	if err := n.Decode(&v); err != nil {
		t.report(key, n.Line, "is not a value that YAML knows")
		return nil
	}
	s, ok := v.(string)
	if !ok {
		if problem := numberProblem(n, v, want); problem != "" {
			t.report(key, n.Line, "%s", problem)
			return nil
		}
		return v
	}
	text, fromEnvironment, err := s, false, error(nil)
	if !t.literal {
		text, fromEnvironment, err = expand(s, t.lookup)
	}
	switch {
	case err != nil:
		t.reportAs(errcode.Of(err), key, n.Line, "%s", err)
		return nil
	case badBlank(text) != "":
		t.report(key, n.Line, "%s", badBlank(text))
		return nil
	case fromEnvironment:
		t.expanded[key] = true
		return fromEnv(text)
	}
	return text
}

func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}
