// Package access decides who may do what over HTTP.
//
// A request goes in; a Guard finds its Principal (the user of a session, a token, the user that vigil runs as on the
// Unix socket, or anyone on this machine) and compares it with the Permission that the route declares. The invariants:
// a route without a permission cannot be served; nothing but looking, and that on a loopback address only, is allowed
// without a login; passwords, tokens and sessions are stored only as hashes; and a change of users and tokens counts
// from the next request on.
package access

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"vigil/internal/listener"
)

// Role is what a principal may do.
type Role string

// The roles. Operate includes view.
const (
	RoleView    Role = "view"
	RoleOperate Role = "operate"
)

// includes reports whether a role may do what needs another one.
func (r Role) includes(needed Role) bool {
	return r == RoleOperate && needed == RoleView || r == needed && (r == RoleView || r == RoleOperate)
}

// Grant is a role, for all cameras or for some.
type Grant struct {
	Role Role `json:"role"`
	// Cameras are the names of those that it is limited to; nil is all of them, an empty list none.
	Cameras []string `json:"cameras,omitzero"`
}

// Kind is how a principal has shown who it is.
type Kind string

// The kinds.
const (
	KindAnonymous Kind = "anonymous" // on a loopback address, without a login
	KindUser      Kind = "user"
	KindToken     Kind = "token"
	KindSocket    Kind = "cli"  // the user that vigil runs as, or root, on the Unix socket
	KindOneTime   Kind = "open" // by a one-time address
)

// Principal is on whose behalf a request is made. The zero value may do nothing.
type Principal struct {
	Kind Kind
	Name string // of a user or a token
	Grant
}

// May reports whether the principal has a role for a camera.
func (p Principal) May(needed Role, camera string) bool {
	return p.Role.includes(needed) && (p.Cameras == nil || slices.Contains(p.Cameras, camera))
}

// MayAll reports whether the principal has a role for the whole system, and so for every camera.
func (p Principal) MayAll(needed Role) bool { return p.Role.includes(needed) && p.Cameras == nil }

// String names the principal in records of changes, as user:anna.
func (p Principal) String() string {
	if p.Name == "" {
		return string(p.Kind)
	}
	return string(p.Kind) + ":" + p.Name
}

// Permission is what a route needs. The zero value is none, which no route may declare.
type Permission struct {
	role  Role
	scope scope
	param string // path value with the camera's name, of scope camera
}

type scope int

const (
	scopeNone scope = iota
	scopePublic
	scopeSystem
	scopeCamera
	scopeSome
)

// The permissions without a camera. ViewSome and OperateSome are for answers and changes about several cameras, or
// about one that the path does not name: the handler leaves out those that the principal (see FromContext) may not
// see.
var (
	Public      = Permission{scope: scopePublic}
	View        = Permission{role: RoleView, scope: scopeSystem}
	Operate     = Permission{role: RoleOperate, scope: scopeSystem}
	ViewSome    = Permission{role: RoleView, scope: scopeSome}
	OperateSome = Permission{role: RoleOperate, scope: scopeSome}
)

// ViewCamera needs the role view for the camera that is named by a wildcard of the route's pattern.
func ViewCamera(param string) Permission { return Permission{RoleView, scopeCamera, param} }

// OperateCamera needs the role operate for the camera that is named by a wildcard of the route's pattern.
func OperateCamera(param string) Permission { return Permission{RoleOperate, scopeCamera, param} }

// String describes the permission, as operate {name}.
func (p Permission) String() string {
	switch p.scope {
	case scopeNone:
		return "none"
	case scopePublic:
		return "public"
	case scopeSystem:
		return string(p.role)
	case scopeCamera:
		return fmt.Sprintf("%s {%s}", p.role, p.param)
	}
	return string(p.role) + " of some cameras"
}

// allows returns why a principal may not make a request for a camera, which counts only for the scope camera; nil if it
// may.
func (p Permission) allows(who Principal, camera string) error {
	switch p.scope {
	case scopePublic:
		return nil
	case scopeSystem:
		if who.MayAll(p.role) {
			return nil
		}
	case scopeSome:
		if who.Role.includes(p.role) {
			return nil
		}
	case scopeCamera:
		if who.May(p.role, camera) {
			return nil
		}
		if who.Role.includes(RoleView) && !who.May(RoleView, camera) {
			return errNoCamera // as for a camera that does not exist, so that names are not given away
		}
	}
	if who.Kind == "" || who.Kind == KindAnonymous {
		return ErrLogin
	}
	return ErrDenied
}

type contextKey int

const (
	admittedKey contextKey = iota
	peerKey
)

// admitted is a request that was let through.
type admitted struct {
	who   Principal
	again func() (Principal, error) // decides about the request again
}

// FromContext returns on whose behalf a request is made; the zero value, which may do nothing, outside of one.
func FromContext(ctx context.Context) Principal {
	a, _ := ctx.Value(admittedKey).(admitted)
	return a.who
}

// StillAllowed reports whether a request would be let through again with the same rights. Long answers, such as
// streams, ask it now and then, since a token may be revoked, a user removed or a session ended meanwhile.
func StillAllowed(ctx context.Context) bool {
	a, ok := ctx.Value(admittedKey).(admitted)
	if !ok {
		return false
	}
	now, err := a.again()
	return err == nil && now.equal(a.who)
}

// Client names whose share of a limit a request counts against: that of its login, or without one of the address.
func Client(r *http.Request) string {
	who := FromContext(r.Context())
	if who.Name != "" || who.Kind == KindSocket {
		return who.String()
	}
	return who.String() + " " + listener.Network(r.RemoteAddr)
}

func (p Principal) equal(q Principal) bool {
	return p.Kind == q.Kind && p.Name == q.Name && p.Role == q.Role && (p.Cameras == nil) == (q.Cameras == nil) &&
		slices.Equal(p.Cameras, q.Cameras)
}
