package api

import (
	"context"
	"net/http"
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

// everything allows all requests.
type everything struct{}

func (everything) Require(_ Permission, next http.Handler) http.Handler { return next }
func (everything) Allowed(context.Context, Permission, string) bool     { return true }
func (everything) Everywhere(context.Context, Permission) bool          { return true }
func (everything) Name(context.Context) string                          { return "api" }
