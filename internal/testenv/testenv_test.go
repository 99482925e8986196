package testenv

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A missing dependency is named, fails a test in CI, and skips it elsewhere. Only another process can test that.
func TestMissing(t *testing.T) {
	if os.Getenv("VIGIL_TEST_MISSING") != "" {
		Tool(t, "no-such-program")
		return
	}
	for _, tt := range []struct{ ci, want string }{{"true", "--- FAIL: "}, {"1", "--- FAIL: "}, {"", "--- SKIP: "}} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMissing$", "-test.v")
		cmd.Env = append(os.Environ(), "VIGIL_TEST_MISSING=1", "CI="+tt.ci)
		out, err := cmd.CombinedOutput()
		if (err != nil) != (tt.ci != "") || !strings.Contains(string(out), tt.want) ||
			!strings.Contains(string(out), "no-such-program is missing") {
			t.Errorf("CI=%q: %v\n%s", tt.ci, err, out)
		}
	}
}

// A test that skips itself without this package may be skipped in CI unnoticed.
func TestNoOtherSkip(t *testing.T) {
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != root:
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go" ||
			path == filepath.Join(root, "internal", "testenv", "testenv.go"):
			return nil
		}
		files := token.NewFileSet()
		f, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if !importsTesting(f) {
			return nil
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if s, ok := call.Fun.(*ast.SelectorExpr); ok && skips(s) {
				t.Errorf("%s: a test skips itself; testenv.Missing fails in CI", files.Position(call.Pos()))
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func importsTesting(f *ast.File) bool {
	for _, i := range f.Imports {
		if i.Path.Value == `"testing"` {
			return true
		}
	}
	return false
}

func skips(s *ast.SelectorExpr) bool {
	switch s.Sel.Name {
	case "Skipf", "SkipNow":
		return true
	case "Skip":
		// Other types have a method of this name.
		x, ok := s.X.(*ast.Ident)
		return ok && (x.Name == "t" || x.Name == "tb" || x.Name == "f" || x.Name == "testing")
	}
	return false
}
