// Package borders tests which packages others may link, also indirectly. The linter checks only direct imports.
package borders

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"vigil/internal/docs"
)

// border lists what packages of vigil may link; one that is not named here may link everything.
type border struct {
	packages string   // a pattern of go list below vigil
	ours     string   // patterns of those of vigil that they may link
	not      []string // prefixes of other import paths that they may not link
	pure     bool     // they link nothing that needs a C compiler
}

const (
	nats     = "github.com/nats-io/"
	gorgonia = "gorgonia.org/"
	cobra    = "github.com/spf13/cobra"
)

// The rows are those of ARCHITECTURE.md, Packages, from the bottom to the top. A package that links one of these again
// pulls OpenCV, a NATS server or an application into its importers. internal/... are only those that link nothing else
// than the row names.
var borders = []border{
	{"video", "", nil, true},
	{"geometry", "", nil, true},
	{"internal/errcode", "", nil, true},
	{"capture/source", "internal/...", nil, true},
	{"capture/...", "capture/... video internal/...", nil, false},
	{"preprocess", "video geometry internal/...", nil, false},
	{"config", "capture/source geometry internal/...", []string{nats}, true},
	{"model/kernel", "", []string{gorgonia}, true},
	{"model", "model/kernel internal/...", []string{gorgonia}, true},
	{"model/...", "model/... internal/...", nil, true},
	{"weights", "model model/kernel internal/...", []string{gorgonia}, true},
	{"alerts", "geometry internal/...", []string{nats}, true},
	{"alerts/store", "internal/...", []string{nats}, true},
	{"alerts/instance", "internal/...", []string{nats}, true},
	{"alerts/thread", "alerts video geometry internal/...", []string{nats}, true},
	{"alerts/sink/...", "alerts alerts/sink/... geometry internal/...", []string{nats}, true},
	{"alerts/broker", "alerts alerts/sink alerts/store geometry internal/...", nil, true},
	{"alerts/outbox", "alerts alerts/sink alerts/store alerts/broker geometry internal/...", nil, true},
	{"alerts/...", "alerts/... capture/... video geometry internal/...", nil, false},
	{"pipeline/detect", "video geometry internal/...", []string{nats}, true},
	{"pipeline/tamper", "internal/...", []string{nats}, true},
	{
		"pipeline/calibrate/...",
		"pipeline/calibrate/... pipeline/detect pipeline/tamper model model/kernel video geometry internal/...",
		[]string{nats, gorgonia},
		true,
	},
	{"pipeline/worker", "capture/... preprocess video geometry internal/...", nil, false},
	{
		"pipeline", "pipeline/detect pipeline/tamper pipeline/calibrate/... capture/... preprocess model " +
			"model/kernel alerts alerts/thread video geometry internal/...",
		[]string{nats, gorgonia},
		false,
	},
	{
		"eval", "pipeline/... capture/... preprocess model model/kernel alerts alerts/thread video geometry " +
			"internal/...",
		[]string{nats, gorgonia},
		false,
	},
	{"bench", "model/... internal/...", nil, true},
	{"api/problem", "internal/...", []string{nats, cobra}, true},
	{"api/access", "api/problem internal/...", []string{nats, cobra}, true},
	{"api/socket", "api/access api/problem internal/...", []string{nats, cobra}, true},
	{"api/...", "api/... alerts geometry internal/...", []string{nats, cobra}, true},
	{
		"app", "api/... config pipeline/... capture/... preprocess weights model model/kernel alerts/... " +
			"video " +
			"geometry internal/...",
		[]string{cobra, gorgonia},
		false,
	},
	{
		"app/...", "api/... app/... eval bench/... config pipeline/... capture/... preprocess weights model/... " +
			"alerts/... video geometry internal/...",
		[]string{cobra},
		false,
	},
}

func TestBorders(t *testing.T) {
	listed := list(t)
	for _, b := range borders {
		found := false
		for path, p := range listed {
			if !matches(b.packages, path) {
				continue
			}
			found = true
			for _, dep := range p.deps {
				ours := strings.HasPrefix(dep, "vigil/")
				allowed := slices.ContainsFunc(strings.Fields(b.ours), func(p string) bool { return matches(p, dep) })
				denied := slices.ContainsFunc(b.not, func(prefix string) bool { return strings.HasPrefix(dep, prefix) })
				switch {
				case ours && !allowed, denied:
					t.Errorf("%s links %s; see ARCHITECTURE.md, Packages", path, dep)
				case b.pure && listed[dep].cgo:
					t.Errorf("%s links %s, which needs a C compiler", path, dep)
				}
			}
			if b.pure && p.cgo {
				t.Errorf("%s needs a C compiler", path)
			}
		}
		if !found {
			t.Errorf("there is no package vigil/%s", b.packages)
		}
	}
}

// ARCHITECTURE.md lists every package, and none imports one of a row above its own.
func TestPackagesReadDownwards(t *testing.T) {
	root, err := docs.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows, helpers := packageTable(docs.Page{Text: string(text)}.Section("Packages"))
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`,
		"vigil/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	checked := 0
	for line := range strings.Lines(string(out)) {
		names := strings.Fields(line)
		own, listed := rows[names[0]]
		if !listed {
			if !helpers[names[0]] {
				t.Errorf("ARCHITECTURE.md, Packages, does not list %s", names[0])
			}
			continue
		}
		checked++
		for _, name := range names[1:] {
			if row, ok := rows[name]; ok && row < own && name != "vigil/capture/source" {
				t.Errorf("%s imports %s, which ARCHITECTURE.md has above it", names[0], name)
			}
		}
	}
	if checked < 25 {
		t.Errorf("only %d packages of the table were found", checked)
	}
}

// packageTable returns the row of each package in a table, and those of the row "internal", which may be imported from
// anywhere. The first package of a row is what "…" stands for in it.
func packageTable(table string) (rows map[string]int, helpers map[string]bool) {
	rows, helpers = map[string]int{}, map[string]bool{}
	code := regexp.MustCompile("`([^`]+)`")
	n := 0
	for line := range strings.Lines(table) {
		n++
		if list, ok := strings.CutPrefix(line, "| internal |"); ok {
			for _, m := range code.FindAllStringSubmatch(list, -1) {
				helpers["vigil/internal/"+strings.TrimPrefix(m[1], "internal/")] = true
			}
			continue
		}
		first := ""
		for _, name := range docs.FirstColumn(line) {
			if first == "" {
				first = name
			}
			rows["vigil/"+strings.Replace(name, "…", first, 1)] = n
		}
	}
	return rows, helpers
}

// matches reports whether an import path is that of a pattern below vigil.
func matches(pattern, path string) bool {
	parent, children := strings.CutSuffix("vigil/"+pattern, "/...")
	return path == parent || children && strings.HasPrefix(path, parent+"/")
}

type listedPackage struct {
	deps []string // also indirect
	cgo  bool     // not of the standard library, which does without
}

// list lists the packages of vigil and all that they link, as with a C compiler.
func list(t *testing.T) map[string]listedPackage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f",
		`{{.ImportPath}}|{{and .CgoFiles (not .Standard)}}|{{join .Deps " "}}`, "vigil/...")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	all := map[string]listedPackage{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSpace(line), "|")
		all[fields[0]] = listedPackage{strings.Fields(fields[2]), fields[1] == "true"}
	}
	return all
}
