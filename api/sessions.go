package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"vigil/api/access"
	"vigil/api/problem"
	"vigil/internal/errcode"
)

// LoginRequest is the body of a login.
type LoginRequest struct {
	_ struct{} `json:"-" additionalProperties:"false"`
	// User is the user's name.
	User string `json:"user" maxLength:"64"`
	// Password is the user's.
	Password string `json:"password" maxLength:"1024"`
}

// Session says who makes the requests.
type Session struct {
	// Kind is how that was shown: anonymous, user, token, cli or open.
	Kind access.Kind `json:"kind"`
	// Name is that of a user or a token.
	Name string `json:"name,omitempty"`
	// Role is view or operate.
	Role access.Role `json:"role"`
	// Cameras are those that the role is limited to; absent for all.
	Cameras []string `json:"cameras,omitzero"`
}

// OneTimeAddress is an address at which a browser is logged in once, with the role operate.
type OneTimeAddress struct {
	// URL is the address.
	URL string `json:"url"`
	// Until is when it expires.
	Until time.Time `json:"until"`
}

// request is the HTTP request itself.
type request struct{ http *http.Request }

// Resolve implements huma.Resolver.
func (r *request) Resolve(c huma.Context) []error {
	r.http, _ = humago.Unwrap(c)
	return nil
}

type (
	loginInput struct {
		request
		Body LoginRequest
	}
	logoutInput   struct{ request }
	sessionOutput struct {
		Cookie http.Cookie `header:"Set-Cookie" doc:"The session"`
		Body   Session
	}
	whoOutput    struct{ Body Session }
	logoutOutput struct {
		Cookie http.Cookie `header:"Set-Cookie" doc:"Deletes the session's"`
	}
	openOutput struct{ Body OneTimeAddress }
)

func (s *server) addSessions(to huma.API) {
	huma.Register(to, route(http.MethodPost, root+"/login", access.Public, "login", "Log in with a password"), s.login)
	out := route(http.MethodPost, root+"/logout", access.Public, "logout", "End the session")
	out.DefaultStatus = http.StatusNoContent
	huma.Register(to, out, s.logout)
	huma.Register(to, route(http.MethodGet, root+"/session", access.ViewSome, "show-session", "Show who is logged in"),
		showSession)
	once := route(http.MethodPost, root+"/open", access.Operate, "open", "Make an address that logs a browser in once")
	once.Description = "Only over the Unix socket."
	huma.Register(to, once, s.open)
}

func (s *server) login(_ context.Context, in *loginInput) (*sessionOutput, error) {
	who, cookie, err := s.guard.Login(in.http, in.Body.User, in.Body.Password)
	if err != nil {
		p, h := access.Problem(err)
		return nil, huma.ErrorWithHeaders(p, h)
	}
	return &sessionOutput{*cookie, sessionOf(who)}, nil
}

func (s *server) logout(_ context.Context, in *logoutInput) (*logoutOutput, error) {
	return &logoutOutput{*s.guard.Logout(in.http)}, nil
}

func showSession(ctx context.Context, _ *struct{}) (*whoOutput, error) {
	return &whoOutput{sessionOf(access.FromContext(ctx))}, nil
}

func sessionOf(who access.Principal) Session {
	return Session{who.Kind, who.Name, who.Role, who.Cameras}
}

// open makes a login that outlives the one of the request. So only the user that vigil runs as may have it: a token
// could be revoked and go on.
func (s *server) open(ctx context.Context, _ *struct{}) (*openOutput, error) {
	if access.FromContext(ctx).Kind != access.KindSocket {
		return nil, problem.New(http.StatusForbidden, errcode.AccessDenied,
			"this is only possible over the Unix socket in data_dir, as 'vigil open' does")
	}
	address, err := s.OpenAddress(ctx)
	if err != nil {
		return nil, problemOf(err)
	}
	return &openOutput{address}, nil
}
