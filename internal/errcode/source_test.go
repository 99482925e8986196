package errcode

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// constants returns the codes by their Go names.
func constants(t *testing.T) map[string]Code {
	t.Helper()
	all := map[string]Code{}
	f, err := parser.ParseFile(token.NewFileSet(), "codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok {
			if text, ok := v.Values[0].(*ast.BasicLit); ok {
				code, err := strconv.Unquote(text.Value)
				if err != nil {
					t.Fatal(err)
				}
				all[v.Names[0].Name] = Code(code)
			}
		}
		return true
	})
	return all
}

// eachFile calls visit with every file of the program except tests, tools and this package.
func eachFile(t *testing.T, visit func(path string, f *ast.File)) {
	t.Helper()
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		if d.IsDir() {
			if slices.Contains([]string{"bench", "tools", "internal/errcode", "alerts/olddata"},
				filepath.ToSlash(name)) ||
				strings.HasPrefix(d.Name(), ".") && path != root || d.Name() == "testdata" {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err == nil {
			visit(filepath.ToSlash(name), f)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// selector returns name if an expression is of.name, for one of several.
func selector(e ast.Expr, of ...string) string {
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	if x, ok := s.X.(*ast.Ident); ok && slices.Contains(of, x.Name) {
		return s.Sel.Name
	}
	return ""
}

func TestEveryCodeIsUsed(t *testing.T) {
	unused := constants(t)
	delete(unused, "StoreDiskFull") // used by Store
	delete(unused, "StoreReadOnly")
	eachFile(t, func(_ string, f *ast.File) {
		ast.Inspect(f, func(n ast.Node) bool {
			if e, ok := n.(ast.Expr); ok {
				delete(unused, selector(e, "errcode"))
			}
			return true
		})
	})
	for name, code := range unused {
		t.Errorf("%s (%s) is used nowhere", code, name)
	}
}

// withoutCode are the exported sentinels that no user sees: a caller handles them.
var withoutCode = []string{
	"ErrStopped",   // of a training run that a signal ended: its weights are written
	"ErrNoMessage", // a message was deleted meanwhile: package archive skips it, or has an error of its own
}

// Every exported sentinel has a code.
func TestEverySentinelHasACode(t *testing.T) {
	eachFile(t, func(path string, f *ast.File) {
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, s := range g.Specs {
				v, ok := s.(*ast.ValueSpec)
				if !ok || len(v.Values) == 0 || !strings.HasPrefix(v.Names[0].Name, "Err") ||
					slices.Contains(withoutCode, v.Names[0].Name) {
					continue
				}
				if c, ok := v.Values[0].(*ast.CallExpr); ok && selector(c.Fun, "errors") == "New" {
					t.Errorf("%s: %s has no code", path, v.Names[0].Name)
				}
			}
		}
	})
}

// lines are warnings that require no action.
var lines = []string{
	"an event that was open when vigil died is ended",
	"an interrupted recording is kept",
	"gap",
	"nats", // its error has the code, if there is one
}

// Every logged warning and error has an error argument, from which Handler takes the code, or a code.
func TestEveryWarningHasACode(t *testing.T) {
	found := 0
	eachFile(t, func(path string, f *ast.File) {
		ast.Inspect(f, func(n ast.Node) bool {
			c, ok := n.(*ast.CallExpr)
			if !ok || len(c.Args) == 0 {
				return true
			}
			s, ok := c.Fun.(*ast.SelectorExpr)
			text, isText := c.Args[0].(*ast.BasicLit)
			if !ok || s.Sel.Name != "Warn" && s.Sel.Name != "Error" || !isText {
				return true
			}
			found++
			message, err := strconv.Unquote(text.Value)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range c.Args[1:] {
				if l, ok := a.(*ast.BasicLit); ok && l.Value == `"error"` || selector(a, "errcode") == "Key" {
					return true
				}
			}
			if !c.Ellipsis.IsValid() && !slices.Contains(lines, message) {
				t.Errorf("%s: %q has neither an error nor a code", path, message)
			}
			return true
		})
	})
	if found < 30 {
		t.Errorf("only %d lines were looked at", found)
	}
}

// Every logger of a command adds codes.
func TestEveryLoggerAddsCodes(t *testing.T) {
	found := 0
	eachFile(t, func(path string, f *ast.File) {
		ast.Inspect(f, func(n ast.Node) bool {
			c, ok := n.(*ast.CallExpr)
			if !ok || selector(c.Fun, "slog") != "New" || selector(c.Args[0], "slog") == "DiscardHandler" {
				return true
			}
			found++
			if inner, ok := c.Args[0].(*ast.CallExpr); !ok || selector(inner.Fun, "errcode") != "Handler" {
				t.Errorf("%s: a logger without errcode.Handler", path)
			}
			return true
		})
	})
	if found < 5 {
		t.Errorf("only %d loggers were looked at", found)
	}
}
