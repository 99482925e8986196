package api

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"vigil/api/access"
	"vigil/api/problem"
	"vigil/internal/errcode"
)

// permissionKey is the metadata of an operation that holds its access.Permission.
const permissionKey = "permission"

// route describes a route.
func route(method, path string, p access.Permission, id, summary string) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, MaxBodyBytes: maxRequest,
		Metadata: map[string]any{permissionKey: p},
	}
}

// responses adds the answer to a request that fails, which huma leaves out where a route states its answers.
func responses(to huma.API, stated map[string]*huma.Response) map[string]*huma.Response {
	stated["default"] = &huma.Response{Description: "Error", Content: map[string]*huma.MediaType{
		problem.Type: {Schema: schemaOf[problem.Problem](to)},
	}}
	return stated
}

func schemaOf[T any](to huma.API) *huma.Schema {
	return to.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, "")
}

// adapter lets huma register routes in a mux, each behind the permission that it requires.
type adapter struct {
	mux     *access.Mux
	methods map[string][]string // of each path
}

// Handle implements huma.Adapter. A route without a permission is a mistake of the program.
func (a *adapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	p, ok := op.Metadata[permissionKey].(access.Permission)
	if !ok {
		panic(fmt.Sprintf("%s %s states no permission", op.Method, op.Path))
	}
	a.add(op.Method, op.Path, p, func(w http.ResponseWriter, r *http.Request) {
		if err := checkQuery(r.URL.RawQuery); err != nil {
			err.Write(w)
			return
		}
		handler(humago.NewContext(op, r, w))
	})
}

// checkQuery refuses what huma would take as if it were not there, such as an empty check of a change that is then
// made.
func checkQuery(query string) *problem.Problem {
	values, err := url.ParseQuery(query)
	if err != nil {
		return problem.New(http.StatusUnprocessableEntity, errcode.RequestInvalid, "the query cannot be read")
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if len(values[key]) > 1 || values[key][0] == "" {
			p := problem.New(http.StatusUnprocessableEntity, errcode.RequestInvalid, "the query is not valid")
			p.Fields = []problem.Field{{At: "query." + key, Detail: "must be there once, with a value"}}
			return p
		}
	}
	return nil
}

func (a *adapter) add(method, path string, p access.Permission, h http.HandlerFunc) {
	a.methods[path] = append(a.methods[path], method)
	a.mux.Handle(method+" "+path, p, h)
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
		a.mux.Handle(path, access.Public, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", allowed)
			problem.New(http.StatusMethodNotAllowed, errcode.RequestNotFound,
				r.Method+" is not possible here: only "+allowed).Write(w)
		}))
	}
	a.mux.Handle("/api/", access.Public, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		problem.New(http.StatusNotFound, errcode.RequestNotFound,
			"there is nothing here: "+documentPath+" lists the routes").Write(w)
	}))
}
