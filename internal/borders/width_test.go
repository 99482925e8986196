package borders

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"vigil/internal/docs"
)

const (
	maxWidth = 120 // columns
	tabWidth = 4
)

// written are the endings and names of files that people write, and whose lines end by column maxWidth. The rest is
// generated (schemas, assembly), a template of HTML, or data. Go files other than tests are the linter's.
var written = []string{
	".c", ".h", ".cpp", ".py", ".cjs", ".yaml", ".yml", ".sh", ".md", "_test.go", "Makefile", "Dockerfile", "run",
	"setup", "check-generated",
}

// Lines may be longer in files that quote input or output as it is.
var quoting = []string{
	"alerts/broker/", "app/check_nats_test.go", "app/connect_test.go",
	"alerts/evidence/browser_test.go", "BENCHMARKS.md", "capture/guard_test.go",
	"cmd/vigil/alerts_readonly_test.go",
	"cmd/vigil/check_run_test.go", "config/", "eval/", "model/",
}

// The linter checks the width of Go code, this test that of other files. In Markdown tables, code and lines that are a
// single word, such as a link, may be longer.
func TestWidth(t *testing.T) {
	root, err := docs.Root()
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if name = filepath.ToSlash(name); d.IsDir() {
			if slices.Contains([]string{".git", ".go", ".tools", "bin", "vigil-data"}, name) {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || !endsIn(name, written) || mayQuote(name) {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		checked++
		checkWidth(t, name, text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if checked < 100 {
		t.Errorf("only %d files were checked", checked)
	}
}

func endsIn(name string, endings []string) bool {
	return slices.ContainsFunc(endings, func(e string) bool { return strings.HasSuffix(name, e) })
}

// mayQuote reports whether a file may have longer lines. In the folders of quoting these are tests and their data.
func mayQuote(name string) bool {
	return slices.ContainsFunc(quoting, func(q string) bool {
		return name == q || strings.HasSuffix(q, "/") && strings.HasPrefix(name, q) &&
			(strings.HasSuffix(name, "_test.go") || strings.Contains(name, "/testdata/"))
	})
}

func checkWidth(t *testing.T, name string, text []byte) {
	markdown, code, n := strings.HasSuffix(name, ".md"), false, 0
	for line := range bytes.Lines(text) {
		n++
		s := strings.TrimRight(string(line), "\n")
		if strings.HasPrefix(strings.TrimSpace(s), "```") {
			code = !code
		}
		free := markdown && (code || strings.HasPrefix(strings.TrimSpace(s), "|") || strings.HasPrefix(s, "<!--") ||
			strings.HasPrefix(s, "    ") || !strings.Contains(strings.TrimSpace(s), " "))
		if w := width(s); w > maxWidth && !free {
			t.Errorf("%s:%d has %d columns, at most %d are allowed", name, n, w, maxWidth)
		}
	}
}

// width returns the columns of a line.
func width(line string) (columns int) {
	for len(line) > 0 {
		r, size := utf8.DecodeRuneInString(line)
		if line = line[size:]; r == '\t' {
			columns += tabWidth - columns%tabWidth
		} else {
			columns++
		}
	}
	return columns
}
