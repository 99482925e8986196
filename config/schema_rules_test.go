package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// nested returns a document with value at a key such as cameras[0].detector.enter.
func nested(t *testing.T, key string, value any) []byte {
	t.Helper()
	parts := strings.Split(key, ".")
	for _, part := range slices.Backward(parts) {
		name, isList := strings.CutSuffix(part, "[0]")
		if name == "cameras" || name == "zones" {
			m := value.(map[string]any)
			if m["name"] == nil {
				m["name"] = "a"
			}
			if name == "cameras" {
				m["source"] = "device:0"
			} else if m["polygon"] == nil {
				m["polygon"] = [][]float64{{0, 0}, {1, 0}, {1, 1}}
			}
		}
		if isList {
			value = []any{value}
		}
		value = map[string]any{name: value}
	}
	text, err := yaml.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// eachKey calls each with every leaf key and its field.
func eachKey(in reflect.Type, at string, each func(key string, f reflect.StructField)) {
	for _, f := range Fields(in) {
		key, inner := join(at, KeyOf(f)), f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if e := element(inner); e != nil && Fields(e) != nil {
			key, inner = key+"[0]", e
		}
		if Fields(inner) != nil {
			eachKey(inner, key, each)
			continue
		}
		each(key, f)
	}
}

// The schema and the rules accept and refuse the same numbers: those at each bound, and next to it.
func TestSchemaHasTheRulesRanges(t *testing.T) {
	s := compiled(t)
	bounds := 0
	eachKey(reflect.TypeFor[Config](), "", func(key string, f reflect.StructField) {
		isInt := f.Type.Kind() == reflect.Int && numeric(f.Type)
		if !isInt && f.Type.Kind() != reflect.Float64 {
			return
		}
		tag := f.Tag.Get("validate")
		if tag == "" {
			t.Errorf("%s is a number without a range", key)
		}
		for rule := range strings.SplitSeq(tag, ",") {
			_, param, _ := strings.Cut(rule, "=")
			bound, err := strconv.ParseFloat(param, 64)
			if err != nil {
				t.Fatalf("%s: %s", key, rule)
			}
			for _, step := range []float64{-1, -0.001, 0, 0.001, 1} {
				v := any(bound + step)
				if isInt {
					if step != float64(int(step)) {
						continue
					}
					v = int(bound + step)
				}
				bounds++
				text := nested(t, key, v)
				byRules := ofKey(text, key)
				if bySchema := s.Validate(document(t, text)); (bySchema == nil) != (byRules == "") {
					t.Errorf("%s: %v: the rules give %q, the schema %v", key, v, byRules, bySchema)
				}
			}
		}
	})
	if bounds < 100 {
		t.Errorf("only %d numbers were tried", bounds)
	}
}

// ofKey returns the problem of a key by the rules for single values.
func ofKey(text []byte, key string) string {
	_, problems := load(text, "/")
	for _, p := range problems {
		for _, own := range []string{
			"must be at least ", "must be at most ", "must be above ", "must be one of ",
			"whole number", "must be a decimal",
		} {
			if p.Key == key && strings.Contains(p.Text, own) && !strings.Contains(p.Text, "detector.") &&
				!strings.Contains(p.Text, "above lo") {
				return p.Text
			}
		}
	}
	return ""
}

// The schema and the rules agree on words and addresses.
func TestSchemaHasTheRulesForms(t *testing.T) {
	s := compiled(t)
	for key, values := range map[string][]string{
		"log.level":            {"debug", "info", "warn", "error", "all", "", "INFO"},
		"log.format":           {"text", "json", "xml"},
		"data_dir":             {"x", ""},
		"nats.embedded.host":   {"127.0.0.1", "LOCALHOST", ""},
		"defaults.transport":   {"tcp", "udp", "sctp", "TCP"},
		"cameras[0].transport": {"tcp", "udp", "sctp"},
		"cameras[0].name":      {"gate", "a-b_9", "Gate", "a b", strings.Repeat("a", 64), strings.Repeat("a", 65)},
		"cameras[0].zones[0].name": {
			"drive way", "x", "Höhe", strings.Repeat("a", 64), strings.Repeat("a", 65),
			" x", "x ",
		},
		"nats.url": {
			"nats://h", "NATS://H:4222", "tls://h,nats://g:1", "ws://h", "wss://h", "http://h",
			"h", "nats://u:p@h", "nats://",
		},
		"mqtt.url": {
			"tcp://h:1883", "ssl://h", "TCP://H", "mqtt://h", "tcp://u@h", "tcp://h/x",
			"h", "tcp://",
		},
		"mqtt.topic":     {"vigil", "a/b", "a", "", "/a", "a/", "a b", "a#", "+", "$a", "a$b"},
		"mqtt.discovery": {"homeassistant", "", "a/", "#"},
		"webhook.url": {
			"https://h/x?y=z", "HTTP://H", "https://u:p@h/x", "ftp://h", "h", "https://", "https://8614/abc@h/x",
			"https://h/x?y=a@b",
			"https://hooks.example/a@b/x", "https://hooks.example:8443/a@b", "https://u:12.3/a@h.example/x",
		},
		"evidence.keep":              {"0s", "720h", "-1s", "5", ""},
		"webhook.timeout":            {"10s", "10"},
		"cameras[0].armed[0].from":   {"07:30", "24:01", "7:30"},
		"cameras[0].alarms":          {"1/day", "0.5/week", "1/month", "0x2/day", "x/day"},
		"cameras[0].footage.keep":    {"30s", "x"},
		"cameras[0].reconnect.min":   {"1s", "1"},
		"defaults.footage.keep":      {"30s", "x"},
		"nats.tls.cert":              {},
		"cameras[0].threshold.theta": {},
	} {
		for _, v := range values {
			text := nested(t, key, v)
			_, problems := load(text, "/")
			bad := slices.ContainsFunc(problems, func(p Problem) bool { return p.Key == key })
			if bySchema := s.Validate(document(t, text)); (bySchema != nil) != bad {
				t.Errorf("%s: %q: the rules give %v, the schema %v", key, v, problems, bySchema)
			}
		}
	}
	for _, key := range []string{"nats", "mqtt", "webhook"} {
		for _, file := range []string{"cert", "key"} {
			text := nested(t, key+".tls."+file, "x.pem")
			if err := s.Validate(document(t, text)); err == nil {
				t.Errorf("%s.tls.%s is accepted alone", key, file)
			}
		}
		text := nested(t, key+".tls", map[string]any{"cert": "x.pem", "key": "y.pem"})
		if err := s.Validate(document(t, text)); err != nil {
			t.Errorf("%s", fmt.Sprint(err))
		}
	}
}
