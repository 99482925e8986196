package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"vigil/internal/errcode"
)

// permissionKey is the metadata of an operation that holds its Permission.
const permissionKey = "permission"

// route describes a route.
func route(method, path string, p Permission, id, summary string) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, MaxBodyBytes: maxRequest,
		Metadata: map[string]any{permissionKey: p},
	}
}

// adapter lets huma register routes in a mux, each behind the permission that it requires.
type adapter struct {
	mux     *http.ServeMux
	access  Access
	methods map[string][]string // of each path
}

// Handle implements huma.Adapter. A route without a permission is a mistake of the program.
func (a *adapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	p, ok := op.Metadata[permissionKey].(Permission)
	if !ok {
		panic(fmt.Sprintf("%s %s states no permission", op.Method, op.Path))
	}
	a.methods[op.Path] = append(a.methods[op.Path], op.Method)
	a.mux.Handle(op.Method+" "+op.Path, a.access.Require(p, http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) { handler(humago.NewContext(op, r, w)) })))
}

// ServeHTTP implements huma.Adapter.
func (a *adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// refuseOthers answers all other paths and methods below /api/ with a Problem.
func (a *adapter) refuseOthers() {
	for path, methods := range a.methods {
		if slices.Contains(methods, http.MethodGet) {
			methods = append(methods, http.MethodHead)
		}
		slices.Sort(methods)
		allowed := strings.Join(methods, ", ")
		a.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", allowed)
			writeProblem(w, newProblem(http.StatusMethodNotAllowed, errcode.RequestNotFound,
				r.Method+" is not possible here: only "+allowed))
		})
	}
	a.mux.HandleFunc("/api/", func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, newProblem(http.StatusNotFound, errcode.RequestNotFound,
			"there is nothing here: "+documentPath+" lists the routes"))
	})
}
