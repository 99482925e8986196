package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"vigil/internal/errcode"
)

var errUnreadable = errcode.AccessFile.New("users and tokens cannot be read; the log says why")

const (
	maxLogin = 8 << 10 // bytes of a request
	// maxHashWait is how long a login waits for those before it.
	maxHashWait = 5 * time.Second
)

// LoginRequest is the body of a login.
type LoginRequest struct {
	User     string `json:"user"`
	Password string `json:"password"`
}

// Session says who is logged in.
type Session struct {
	Kind Kind   `json:"kind"`
	Name string `json:"name,omitempty"`
	Grant
}

// AddRoutes adds the routes of logins.
//
//	POST /api/v1/login    LoginRequest, answered by Session and a cookie
//	POST /api/v1/logout   ends the session, answered by 204
//	GET  /api/v1/session  Session
//	GET  /open            a page that asks whether to use a one-time address, as it is in the query (once)
//	POST /open            uses it, answered by a cookie and a redirection to /
func (g *Guard) AddRoutes(mux *Mux) {
	mux.Handle("POST /api/v1/login", Public, http.HandlerFunc(g.serveLogin))
	mux.Handle("POST /api/v1/logout", Public, http.HandlerFunc(g.serveLogout))
	mux.Handle("GET /api/v1/session", ViewSome, http.HandlerFunc(serveSession))
	mux.Handle("GET /open", Public, http.HandlerFunc(g.serveOpen))
	mux.Handle("POST /open", Public, http.HandlerFunc(g.serveOpened))
}

func (g *Guard) serveLogin(w http.ResponseWriter, r *http.Request) {
	var in LoginRequest
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxLogin))
	d.DisallowUnknownFields()
	err := d.Decode(&in)
	if err == nil {
		if _, end := d.Token(); !errors.Is(end, io.EOF) {
			err = errors.New("something follows the object")
		}
	}
	if err != nil {
		refuse(w, badRequest{fmt.Errorf("the request is not valid: %w", err)})
		return
	}
	who, id, err := g.login(r.Context(), r.RemoteAddr, in)
	if err != nil {
		refuse(w, err)
		return
	}
	http.SetCookie(w, cookie(g.TLS, g.sessions.begin(g.cookieOf(r), id, who.Name)))
	reply(w, Session{who.Kind, who.Name, who.Grant})
}

// login checks a password within the limits.
func (g *Guard) login(ctx context.Context, remote string, in LoginRequest) (who Principal, id string, err error) {
	a, err := g.Store.accounts()
	if err != nil {
		return Principal{}, "", g.broken(err)
	}
	u := a.user(in.User)
	known, h := "", nobody
	if u != nil {
		known, h = u.Name, u.hash
	}
	cost := charges(remote, in.User)
	if wait := g.limits.take(cost); wait > 0 {
		return Principal{}, "", limited{wait}
	}
	ctx, cancel := context.WithTimeout(ctx, maxHashWait)
	defer cancel()
	if err := g.hashing.begin(ctx); err != nil {
		g.limits.refund(cost)
		return Principal{}, "", err
	}
	right := h.matches(in.Password)
	g.hashing.end()
	if !right || u == nil {
		// A name that is not a user's may be a password in the wrong field.
		g.Log.Warn("wrong login", "address", remote, "user", known, errcode.Key, errcode.AccessWrongLogin)
		return Principal{}, "", ErrWrong
	}
	g.limits.refund(cost)
	g.Log.Info("login", "address", remote, "user", known)
	return Principal{KindUser, u.Name, u.Grant}, u.ID, nil
}

func (g *Guard) serveLogout(w http.ResponseWriter, r *http.Request) {
	g.sessions.end(g.cookieOf(r))
	http.SetCookie(w, cookie(g.TLS, ""))
	w.WriteHeader(http.StatusNoContent)
}

func serveSession(w http.ResponseWriter, r *http.Request) {
	who := FromContext(r.Context())
	reply(w, Session{who.Kind, who.Name, who.Grant})
}

// OneTimePath returns the path and the query of an address that logs in once, within OneTimeValid, with the role
// operate for all cameras.
func (g *Guard) OneTimePath() string { return "/open?once=" + url.QueryEscape(g.once.create()) }

// openPage has a button, since browsers and programs that show a preview open addresses on their own.
const openPage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>vigil</title>
<form method="post"><button autofocus>Open vigil</button></form>
</html>
`

func (g *Guard) serveOpen(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, openPage) // the other side has left if it fails
}

func (g *Guard) serveOpened(w http.ResponseWriter, r *http.Request) {
	cost := charges(r.RemoteAddr, "")
	if wait := g.limits.take(cost); wait > 0 {
		refuse(w, limited{wait})
		return
	}
	if !g.once.use(r.URL.Query().Get("once")) {
		g.Log.Warn("wrong one-time address", "address", r.RemoteAddr, errcode.Key, errcode.AccessWrongLogin)
		refuse(w, ErrWrong)
		return
	}
	g.limits.refund(cost)
	g.Log.Info("login by a one-time address", "address", r.RemoteAddr)
	http.SetCookie(w, cookie(g.TLS, g.sessions.begin(g.cookieOf(r), "", "")))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the other side has left if it fails
}
