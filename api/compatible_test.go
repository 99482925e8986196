package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// released is the document of the latest release. It is replaced by openapi.json with each one.
const released = "testdata/released.json"

// A program written for the latest release works with this version: routes and fields are added, never changed.
func TestDocumentIsCompatible(t *testing.T) {
	before, err := os.ReadFile(released)
	if err != nil {
		t.Fatal(err)
	}
	for _, broken := range compare(t, before, Document()) {
		t.Error(broken)
	}
}

// The comparison finds what breaks a program, and accepts what does not.
func TestComparison(t *testing.T) {
	const doc = `{
		"paths": {"/a/{id}": {"get": {
			"operationId": "show",
			"parameters": [
				{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}},
				{"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 9}}
			],
			"requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Ask"}}}},
			"responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Say"}}}}}
		}}},
		"components": {"schemas": {
			"Ask": {"type": "object", "required": ["x"], "properties": {"x": {"type": "string", "enum": ["p", "q"]}}},
			"Say": {"type": "object", "required": ["y"], "properties": {"y": {
				"type": "array", "items": {"type": "integer"}}}}
		}}}`
	for _, tt := range []struct{ old, changed, want string }{
		{`"operationId"`, `"summary": "Show it", "operationId"`, ""},
		{`["p", "q"]`, `["p", "q", "r"]`, ""},
		{`"properties": {"y"`, `"properties": {"z": {"type": "string"}, "y"`, ""},
		{`"required": ["y"]`, `"required": ["y", "z"]`, ""},
		{`"parameters": [`, `"parameters": [{"name": "new", "in": "query", "schema": {"type": "string"}},`, ""},
		{`/a/{id}`, `/b/{id}`, "/a/{id} is gone"},
		{`"get"`, `"put"`, "GET /a/{id} is gone"},
		{`"show"`, `"see"`, "GET /a/{id}: operationId was show, is see"},
		{`"name": "limit"`, `"name": "size"`, "GET /a/{id}: the parameter query.limit is gone"},
		{`"maximum": 9`, `"maximum": 8`, "GET /a/{id} query.limit: maximum was 9, is 8"},
		{
			`"query", "schema"`, `"query", "required": true, "schema"`,
			"GET /a/{id}: the parameter query.limit is required",
		},
		{
			`"parameters": [`, `"parameters": [{"name": "new", "in": "query", "required": true},`,
			"GET /a/{id}: the parameter query.new is required",
		},
		{`"required": ["x"]`, `"required": ["x", "w"]`, "GET /a/{id} request: w is required"},
		{`["p", "q"]`, `["p"]`, "GET /a/{id} request.x: q is not allowed any more"},
		{`{"x": {`, `{"w": {`, "GET /a/{id} request.x is gone"},
		{`"required": ["y"]`, `"required": []`, "GET /a/{id} 200: y may be absent"},
		{`{"type": "integer"}}`, `{"type": "number"}}`, "GET /a/{id} 200.y[]: type was integer, is number"},
		{`"200"`, `"201"`, "GET /a/{id}: the answer 200 is gone"},
	} {
		changed := strings.Replace(doc, tt.old, tt.changed, 1)
		if changed == doc {
			t.Fatalf("the document has no %s", tt.old)
		}
		got := compare(t, []byte(doc), []byte(changed))
		if tt.want == "" && len(got) > 0 || tt.want != "" && !slices.Contains(got, tt.want) {
			t.Errorf("%s instead of %s: %q, want %q", tt.changed, tt.old, got, tt.want)
		}
	}
}

// comparison holds two documents, of which the second one must not break programs written for the first.
type comparison struct {
	old, now map[string]any
	broken   []string
}

func compare(t *testing.T, before, after []byte) []string {
	t.Helper()
	var c comparison
	if err := json.Unmarshal(before, &c.old); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(after, &c.now); err != nil {
		t.Fatal(err)
	}
	paths := object(c.now, "paths")
	for path, methods := range object(c.old, "paths") {
		if paths[path] == nil {
			c.add("%s is gone", path)
			continue
		}
		for method, op := range methods.(map[string]any) {
			at := strings.ToUpper(method) + " " + path
			if now := object(paths, path, method); now != nil {
				c.operation(at, op.(map[string]any), now)
			} else {
				c.add("%s is gone", at)
			}
		}
	}
	slices.Sort(c.broken)
	return slices.Compact(c.broken)
}

func (c *comparison) add(form string, args ...any) {
	c.broken = append(c.broken, fmt.Sprintf(form, args...))
}

func (c *comparison) operation(at string, old, now map[string]any) {
	c.same(at, "operationId", old, now)
	before, after := parameters(old), parameters(now)
	for name, p := range before {
		if after[name] == nil {
			c.add("%s: the parameter %s is gone", at, name)
			continue
		}
		c.request(at+" "+name, object(p, "schema"), object(after[name], "schema"))
	}
	for name, p := range after {
		if p["required"] == true && (before[name] == nil || before[name]["required"] != true) {
			c.add("%s: the parameter %s is required", at, name)
		}
	}
	for media, body := range object(old, "requestBody", "content") {
		c.request(at+" request", object(body, "schema"), object(now, "requestBody", "content", media, "schema"))
	}
	if object(old, "requestBody") == nil && object(now, "requestBody")["required"] == true {
		c.add("%s: a body is required", at)
	}
	for status, answer := range object(old, "responses") {
		if object(now, "responses", status) == nil {
			c.add("%s: the answer %s is gone", at, status)
			continue
		}
		for media, body := range object(answer, "content") {
			c.answer(at+" "+status, object(body, "schema"), object(now, "responses", status, "content",
				media, "schema"))
		}
		for name := range object(answer, "headers") {
			if object(now, "responses", status, "headers", name) == nil {
				c.add("%s: the header %s of %s is gone", at, name, status)
			}
		}
	}
}

// request compares what may be sent: everything that was valid still is.
func (c *comparison) request(at string, old, now map[string]any) {
	old, now, ok := c.both(at, old, now)
	if !ok {
		return
	}
	for _, key := range []string{"minimum", "maximum", "minLength", "maxLength", "pattern", "additionalProperties"} {
		c.same(at, key, old, now)
	}
	if allowed, limited := now["enum"].([]any); limited {
		for _, value := range list(old, "enum") {
			if !slices.Contains(allowed, value) {
				c.add("%s: %v is not allowed any more", at, value)
			}
		}
	}
	for _, name := range list(now, "required") {
		if !slices.Contains(list(old, "required"), name) {
			c.add("%s: %v is required", at, name)
		}
	}
	c.inside(at, old, now, c.request)
}

// answer compares what may come: everything that was there still is.
func (c *comparison) answer(at string, old, now map[string]any) {
	old, now, ok := c.both(at, old, now)
	if !ok {
		return
	}
	for _, name := range list(old, "required") {
		if !slices.Contains(list(now, "required"), name) {
			c.add("%s: %v may be absent", at, name)
		}
	}
	c.inside(at, old, now, c.answer)
}

// both resolves two schemas and compares their types.
func (c *comparison) both(at string, old, now map[string]any) (before, after map[string]any, ok bool) {
	if now == nil {
		if old != nil {
			c.add("%s is gone", at)
		}
		return nil, nil, false
	}
	old, now = resolve(c.old, old), resolve(c.now, now)
	c.same(at, "type", old, now)
	c.same(at, "format", old, now)
	return old, now, true
}

func (c *comparison) inside(at string, old, now map[string]any, each func(string, map[string]any, map[string]any)) {
	for _, name := range slices.Sorted(maps.Keys(object(old, "properties"))) {
		each(at+"."+name, object(old, "properties", name), object(now, "properties", name))
	}
	if items := object(old, "items"); items != nil {
		each(at+"[]", items, object(now, "items"))
	}
}

func (c *comparison) same(at, key string, old, now map[string]any) {
	if !reflect.DeepEqual(old[key], now[key]) {
		c.add("%s: %s was %v, is %v", at, key, old[key], now[key])
	}
}

func parameters(op map[string]any) map[string]map[string]any {
	all := map[string]map[string]any{}
	for _, p := range list(op, "parameters") {
		one := p.(map[string]any)
		all[fmt.Sprintf("%s.%s", one["in"], one["name"])] = one
	}
	return all
}

func resolve(doc, s map[string]any) map[string]any {
	if ref, ok := s["$ref"].(string); ok {
		return object(doc, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
	}
	return s
}

// object is the object behind the keys; nil if there is none.
func object(v any, keys ...string) map[string]any {
	for _, key := range keys {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	m, _ := v.(map[string]any)
	return m
}

func list(m map[string]any, key string) []any {
	all, _ := m[key].([]any)
	return all
}
