// Package borders tests which packages others may link, also indirectly. The linter checks only direct imports.
package borders

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vigil/internal/docs"
)

// A package that links one of these again pulls OpenCV, a NATS server or an application into its importers.
func TestBorders(t *testing.T) {
	for _, border := range []struct {
		packages string   // pattern of go list
		not      []string // prefixes of import paths
	}{
		{"vigil/video", []string{"vigil/"}},
		{"vigil/geometry", []string{"vigil/"}},
		{"vigil/config", []string{"gocv.io/", "vigil/preprocess", "vigil/pipeline", "github.com/nats-io/"}},
		{"vigil/model/kernel", []string{"vigil/"}},
		{"vigil/model", []string{"vigil/video", "vigil/capture", "vigil/preprocess", "vigil/pipeline", "vigil/alerts"}},
		{"vigil/pipeline/detect", []string{"gocv.io/", "github.com/nats-io/", "vigil/model", "vigil/alerts"}},
		{"vigil/pipeline/calibrate", []string{"gocv.io/", "github.com/nats-io/", "vigil/alerts"}},
		{"vigil/pipeline", []string{
			"github.com/nats-io/", "vigil/alerts/evidence", "vigil/pipeline/worker",
			"vigil/config",
		}},
		{"vigil/alerts", []string{"github.com/nats-io/", "gocv.io/", "vigil/capture"}},
		{"vigil/alerts/thread", []string{"github.com/nats-io/", "gocv.io/"}},
		{"vigil/alerts/sink/...", []string{
			"github.com/nats-io/", "gocv.io/", "vigil/alerts/outbox",
			"vigil/alerts/broker",
		}},
		{"vigil/alerts/outbox", []string{"gocv.io/", "vigil/pipeline"}},
		{"vigil/eval", []string{"github.com/nats-io/", "vigil/config", "vigil/app"}},
		{"vigil/app", []string{"vigil/cmd", "github.com/spf13/cobra", "vigil/model/train", "gorgonia.org/"}},
	} {
		for _, dep := range deps(t, border.packages) {
			for _, prefix := range border.not {
				own, children := strings.CutSuffix(border.packages, "/...")
				inside := dep == own || children && strings.HasPrefix(dep, own+"/")
				if strings.HasPrefix(dep, prefix) && !inside {
					t.Errorf("%s links %s; see ARCHITECTURE.md, Packages", border.packages, dep)
				}
			}
		}
	}
}

// No package imports one that ARCHITECTURE.md lists in a row above its own.
func TestPackagesReadDownwards(t *testing.T) {
	root, err := docs.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]int{}
	n := 0
	for line := range strings.Lines(docs.Page{Text: string(text)}.Section("Packages")) {
		for _, name := range docs.FirstColumn(line) {
			rows["vigil/"+strings.Replace(name, "…", "alerts/sink", 1)] = n
		}
		n++
	}
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

func deps(t *testing.T, packages string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", packages).Output()
	if err != nil {
		t.Fatalf("go list -deps %s: %v", packages, err)
	}
	return strings.Fields(string(out))
}
