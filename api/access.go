package api

import (
	"context"
	"net/http"

	"vigil/internal/errcode"
)

// Permission is what a route requires.
type Permission string

// The permissions. Who may operate may also view.
const (
	View    Permission = "view"
	Operate Permission = "operate"
)

// Access decides who may do what.
type Access interface {
	// Require returns a handler that passes requests which have a permission, for some camera at least, on to next,
	// and answers the others.
	Require(p Permission, next http.Handler) http.Handler
	// Allowed reports whether the request of a context has a permission for a camera.
	Allowed(ctx context.Context, p Permission, camera string) bool
	// Everywhere reports whether the request has it for all cameras, also for those that do not exist yet.
	Everywhere(ctx context.Context, p Permission) bool
	// Name is who makes the request, as changes are recorded, such as cli.
	Name(ctx context.Context) string
}

// Everyone gives all requests a permission for all cameras. The zero value gives none.
type Everyone struct {
	May Permission
	By  string // the name of all requests
}

func (e Everyone) may(p Permission) bool { return p == e.May || p == View && e.May == Operate }

// Require implements Access.
func (e Everyone) Require(p Permission, next http.Handler) http.Handler {
	if e.may(p) {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, newProblem(http.StatusForbidden, errcode.RequestNotAllowed, "this needs the permission "+string(p)))
	})
}

// Allowed implements Access.
func (e Everyone) Allowed(_ context.Context, p Permission, _ string) bool { return e.may(p) }

// Everywhere implements Access.
func (e Everyone) Everywhere(_ context.Context, p Permission) bool { return e.may(p) }

// Name implements Access.
func (e Everyone) Name(context.Context) string { return e.By }
