// Package api is the interface by which programs see and change a running vigil: HTTP with JSON at /api/v1, described
// by an OpenAPI document at /api/openapi.json.
//
// A System goes in; AddRoutes makes the routes that answer requests from it. The invariants: every route states the
// permission that it requires, and answers only about cameras that the request may see; a request that is not valid
// changes nothing; an error is a Problem with a code of the catalogue; no answer has a password in it; and no part of a
// request names a file.
package api

import (
	"context"
	_ "embed"
	"encoding/json"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"golang.org/x/sync/semaphore"

	"vigil/api/access"
)

const (
	// root is the path of all routes of this version, and documentPath that of their description.
	root         = "/api/v1"
	documentPath = "/api/openapi.json"
	// documentVersion grows in its second part when something is added. Nothing is changed within /api/v1.
	documentVersion = "1.0"
)

// document is what /schema writes from the code.
//
//go:embed openapi.json
var document []byte

// Document returns the OpenAPI document in JSON.
func Document() []byte { return document }

// AddRoutes adds everything below /api/ to a mux, whose guard decides who may have it.
func AddRoutes(mux *access.Mux, system System) {
	a := &adapter{mux: mux, methods: map[string][]string{}}
	register(&server{
		System: system, guard: mux.Guard(), evidence: semaphore.NewWeighted(evidenceMemory),
	}, newAPI(a))
	a.add(http.MethodGet, documentPath, access.ViewSome, serveDocument)
	a.refuseOthers()
}

// server answers the requests.
type server struct {
	System
	guard      *access.Guard
	evidence   *semaphore.Weighted // bytes of evidence in memory
	evidenceOf shares              // the same of each client
}

// may reports whether the request of a context has a role for a camera.
func may(ctx context.Context, role access.Role, camera string) bool {
	return access.FromContext(ctx).May(role, camera)
}

// mayAll reports whether the request has it for all cameras, also for those that do not exist yet.
func mayAll(ctx context.Context, role access.Role) bool { return access.FromContext(ctx).MayAll(role) }

// register adds all routes.
func register(s *server, to huma.API) {
	s.addCameras(to)
	s.addSnapshots(to)
	s.addCalibrations(to)
	s.addAlerts(to)
	s.addEvents(to)
	s.addReports(to)
	s.addSessions(to)
}

// newAPI returns an API without routes. The defaults of huma would also serve a page that loads scripts from elsewhere,
// and refer to schemas in every answer.
func newAPI(a huma.Adapter) huma.API {
	c := huma.DefaultConfig("vigil", documentVersion)
	c.Info.Description = "What a running vigil sees and does. Within /api/v1 fields and routes are added and never " +
		"changed: ignore what you do not know. Errors are problem details (RFC 9457) with a code of the catalogue."
	c.OpenAPIPath, c.DocsPath, c.SchemasPath, c.CreateHooks = "", "", "", nil
	format := huma.Format{Marshal: marshal, Unmarshal: json.Unmarshal}
	c.Formats = map[string]huma.Format{"application/json": format, "json": format}
	// Answers may get more fields; what a request may have is marked in its type.
	c.AllowAdditionalPropertiesByDefault = true
	c.RejectUnknownQueryParameters = true
	return huma.NewAPI(c, a)
}

// marshal writes a value. It succeeds if the client has left: that costs nothing, and is nothing to report.
func marshal(w io.Writer, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, _ = w.Write(append(text, '\n'))
	return nil
}

func serveDocument(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/openapi+json")
	_, _ = w.Write(document)
}
