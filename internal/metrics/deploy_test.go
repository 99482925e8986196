package metrics

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"vigil/alerts"
	"vigil/internal/testenv"
)

var (
	deploy   = filepath.Join("..", "..", "deploy")
	ruleFile = filepath.Join(deploy, "prometheus", "vigil.rules.yml")
	testFile = filepath.Join(deploy, "prometheus", "vigil.rules.test.yml")
	boards   = filepath.Join(deploy, "grafana", "vigil.json")
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// expressions returns the queries of a dashboard, or the whole text of another file.
func expressions(t *testing.T, path string) string {
	t.Helper()
	text := read(t, path)
	if filepath.Ext(path) != ".json" {
		prose := regexp.MustCompile(`(?m)^\s*#.*$|^\s*(rule_files|description|summary):.*$|vigil_\w+ says`)
		return prose.ReplaceAllString(text, "")
	}
	var all []string
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, inner := range v {
				if s, ok := inner.(string); ok && (key == "expr" || key == "query") {
					all = append(all, s)
				}
				walk(inner)
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		}
	}
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	walk(v)
	return strings.Join(all, "\n")
}

// Rules and dashboard name only metrics that are served, with labels that these have, and states that exist.
func TestDeployedNames(t *testing.T) {
	served := types(scrape(t, full(t, "gate")))
	labels := map[string][]string{}
	for _, f := range Families() {
		labels[f.Name] = f.Labels
	}
	selector := regexp.MustCompile(`\b((?:vigil|go|process)_[a-z0-9_]+)(?:\{([^}]*)\})?`)
	label := regexp.MustCompile(`([a-z]+)(?:=~|!~|!=|=)\\?"((?:[^"\\]|\\.)*)`)
	for _, path := range []string{ruleFile, testFile, boards} {
		found := 0
		for _, m := range selector.FindAllStringSubmatch(expressions(t, path), -1) {
			found++
			name := m[1]
			if _, ok := served[name]; !ok {
				for _, part := range []string{"_bucket", "_sum", "_count"} {
					if base := strings.TrimSuffix(name, part); served[base] == Histogram {
						name = base
					}
				}
			}
			if _, ok := served[name]; !ok {
				t.Errorf("%s: %s is not served", path, m[1])
				continue
			}
			for _, l := range label.FindAllStringSubmatch(m[2], -1) {
				if !slices.Contains([]string{"job", "instance", "le"}, l[1]) && !slices.Contains(labels[name], l[1]) {
					t.Errorf("%s: %s has no label %s", path, m[1], l[1])
				}
				if l[1] == "state" {
					for state := range strings.SplitSeq(l[2], "|") {
						if !slices.Contains(States, alerts.State(state)) {
							t.Errorf("%s: there is no state %s", path, state)
						}
					}
				}
			}
		}
		if found < 10 {
			t.Errorf("%s: only %d metrics are found", path, found)
		}
	}
}

// Every alert is tested by promtool, and on the page.
func TestRules(t *testing.T) {
	rules, tests, page := read(t, ruleFile), read(t, testFile), read(t, filepath.Join("..", "..", "docs", "metrics.md"))
	names := regexp.MustCompile(`(?m)^\s*- alert: (\w+)$`).FindAllStringSubmatch(rules, -1)
	for _, m := range names {
		if !strings.Contains(tests, m[1]) {
			t.Errorf("%s has no test", m[1])
		}
		if !strings.Contains(page, "`"+m[1]+"`") {
			t.Errorf("%s is not in docs/metrics.md", m[1])
		}
	}
	if len(names) < 10 {
		t.Errorf("only %d alerts are found", len(names))
	}
	promtool := testenv.Tool(t, "promtool")
	for _, args := range [][]string{
		{"check", "rules", ruleFile},
		{"check", "config", filepath.Join(deploy, "prometheus", "prometheus.yml")},
		{"test", "rules", testFile},
	} {
		if out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
}
