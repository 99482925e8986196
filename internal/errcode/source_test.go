package errcode

import (
	"cmp"
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
	"ErrClosed",    // of an engine that ends while its cameras are changed
	"ErrCamera",    // a configuration with two cameras of one name has an error of its own
	"ErrReachable", // an address that needs TLS and logins: package config has an error of its own
	"ErrNoMessage", // a message was deleted meanwhile: package archive skips it, or has an error of its own
}

// Every exported sentinel is made with a code.
func TestEverySentinelHasACode(t *testing.T) {
	found := 0
	eachFile(t, func(path string, f *ast.File) {
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, s := range g.Specs {
				v := s.(*ast.ValueSpec) //nolint:errcheck // of a var there is no other.
				for i, name := range v.Names {
					if !strings.HasPrefix(name.Name, "Err") || slices.Contains(withoutCode, name.Name) {
						continue
					}
					found++
					if len(v.Values) <= i || !isCodedError(v.Values[i]) {
						t.Errorf("%s: %s has no code", path, name.Name)
					}
				}
			}
		}
	})
	if found < 10 {
		t.Errorf("only %d sentinels were looked at", found)
	}
}

// noAction are the messages of warnings that require no action.
var noAction = []string{
	"an event that was open when vigil died is closed",
	"an interrupted recording was completed",
	"gap in the recording",
	"connection to the NATS server", // a connection is made; its errors have codes
}

// Every logged warning and error has a code: behind errcode.Key, or of an error that cannot be without one.
func TestEveryWarningHasACode(t *testing.T) {
	found := 0
	eachFunc(t, func(path string, f function) {
		ast.Inspect(f.body, func(n ast.Node) bool {
			c, ok := n.(*ast.CallExpr)
			if !ok || !f.warns(c) {
				return true
			}
			found++
			args := c.Args
			if c.Ellipsis.IsValid() {
				args = f.appended(args[len(args)-1])
			}
			hasError := false
			for i, a := range args[:max(len(args)-1, 0)] {
				value := args[i+1]
				if selector(a, "errcode") == "Key" && f.isCode(value) {
					return true
				}
				if l, ok := a.(*ast.BasicLit); ok && l.Value == `"error"` {
					hasError = true
					if isCodedError(value) {
						return true
					}
				}
			}
			if hasError || !slices.Contains(noAction, text(c.Args[0])) {
				t.Errorf("%s: the line %q has no code", path, cmp.Or(text(c.Args[0]), "at a level"))
			}
			return true
		})
	})
	if found < 60 {
		t.Errorf("only %d lines were looked at", found)
	}
}

// warns reports whether a call logs a warning or an error, or may do so. The linter checks that messages are literal.
func (f function) warns(c *ast.CallExpr) bool {
	s, ok := c.Fun.(*ast.SelectorExpr)
	switch {
	case !ok:
		return false
	case slices.Contains([]string{"Warn", "Error"}, s.Sel.Name):
		return len(c.Args) > 0 && text(c.Args[0]) != ""
	case slices.Contains([]string{"WarnContext", "ErrorContext"}, s.Sel.Name):
		return true
	case !slices.Contains([]string{"Log", "LogAttrs"}, s.Sel.Name) || len(c.Args) < 3:
		return false
	}
	return !f.isCalm(c.Args[1])
}

// isCalm reports whether a level is below that of a warning: a constant, a variable to which only such are assigned, or
// what a function makes of such.
func (f function) isCalm(level ast.Expr) bool {
	below := func(values []ast.Expr) bool {
		return len(values) > 0 && !slices.ContainsFunc(values, func(v ast.Expr) bool { return !f.isCalm(v) })
	}
	switch e := level.(type) {
	case *ast.Ident:
		return below(f.assigned(e.Name))
	case *ast.CallExpr:
		return below(e.Args)
	}
	return slices.Contains([]string{"LevelInfo", "LevelDebug"}, selector(level, "slog"))
}

// text is a literal, or several that are joined; "" for all else.
func text(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BinaryExpr:
		return text(e.X) + text(e.Y)
	case *ast.BasicLit:
		return strings.Trim(e.Value, `"`)
	}
	return ""
}

// isCodedError reports whether an expression is an error with a code, whatever its parts are.
func isCodedError(e ast.Expr) bool {
	c, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	s, ok := c.Fun.(*ast.SelectorExpr)
	return ok && slices.Contains([]string{"Default", "Wrap", "New"}, s.Sel.Name) && selector(s.X, "errcode") != ""
}

// function is the body of a function.
type function struct {
	body *ast.BlockStmt
	// others are the functions of its package, by name.
	others map[string]*ast.FuncDecl
}

// eachFunc calls visit with every declared function and method, and with functions that are values of variables.
func eachFunc(t *testing.T, visit func(path string, f function)) {
	t.Helper()
	others := map[string]map[string]*ast.FuncDecl{}
	eachFile(t, func(path string, file *ast.File) {
		dir := filepath.Dir(path)
		if others[dir] == nil {
			others[dir] = map[string]*ast.FuncDecl{}
		}
		for _, d := range file.Decls {
			if d, ok := d.(*ast.FuncDecl); ok && d.Recv == nil && d.Body != nil {
				others[dir][d.Name.Name] = d
			}
		}
	})
	eachFile(t, func(path string, file *ast.File) {
		for _, d := range file.Decls {
			ast.Inspect(d, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.FuncDecl:
					if n.Body != nil {
						visit(path, function{n.Body, others[filepath.Dir(path)]})
					}
					return false
				case *ast.FuncLit:
					visit(path, function{n.Body, others[filepath.Dir(path)]})
					return false
				}
				return true
			})
		}
	})
}

// isCode reports whether an expression is a code and never empty: a constant, cmp.Or with a constant at the end, a
// variable to which only such are assigned, or a function that returns only such.
func (f function) isCode(e ast.Expr) bool {
	if selector(e, "errcode") != "" {
		return true
	}
	switch e := e.(type) {
	case *ast.Ident:
		values := f.assigned(e.Name)
		return len(values) > 0 && !slices.ContainsFunc(values, func(v ast.Expr) bool { return !f.isCode(v) })
	case *ast.CallExpr:
		if selector(e.Fun, "cmp") == "Or" {
			return f.isCode(e.Args[len(e.Args)-1])
		}
		name, ok := e.Fun.(*ast.Ident)
		if !ok || f.others[name.Name] == nil {
			return false
		}
		called := function{f.others[name.Name].Body, f.others}
		returned, all := 0, true
		ast.Inspect(called.body, func(n ast.Node) bool {
			if r, ok := n.(*ast.ReturnStmt); ok {
				returned++
				all = all && len(r.Results) == 1 && called.isCode(r.Results[0])
			}
			return true
		})
		return returned > 0 && all
	}
	return false
}

// assigned returns all values that are assigned to a variable.
func (f function) assigned(name string) (values []ast.Expr) {
	ast.Inspect(f.body, func(n ast.Node) bool {
		if a, ok := n.(*ast.AssignStmt); ok && len(a.Lhs) == len(a.Rhs) {
			for i, to := range a.Lhs {
				if v, ok := to.(*ast.Ident); ok && v.Name == name {
					values = append(values, a.Rhs[i])
				}
			}
		}
		return true
	})
	return values
}

// appended returns the arguments that are appended to a list in every case.
func (f function) appended(list ast.Expr) (args []ast.Expr) {
	for _, s := range f.body.List {
		a, ok := s.(*ast.AssignStmt)
		if !ok || len(a.Rhs) != 1 {
			continue
		}
		c, ok := a.Rhs[0].(*ast.CallExpr)
		if !ok {
			continue
		}
		to, isVar := a.Lhs[0].(*ast.Ident)
		from, same := list.(*ast.Ident)
		if fn, ok := c.Fun.(*ast.Ident); ok && fn.Name == "append" && isVar && same && to.Name == from.Name {
			args = append(args, c.Args[1:]...)
		}
	}
	return args
}

// Every logger of a command adds codes.
func TestEveryLoggerAddsCodes(t *testing.T) {
	found := 0
	eachFile(t, func(path string, f *ast.File) {
		ast.Inspect(f, func(n ast.Node) bool {
			c, ok := n.(*ast.CallExpr)
			global := []string{"Default", "SetDefault", "Warn", "Error", "Info"}
			if ok && slices.Contains(global, selector(c.Fun, "slog")) {
				t.Errorf("%s: slog's own logger adds no codes", path)
			}
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
