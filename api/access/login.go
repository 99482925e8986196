package access

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"

	"vigil/internal/errcode"
)

var errUnreadable = errcode.AccessFile.New("users and tokens cannot be read; the log says why")

// maxHashWait is how long a login waits for those before it.
const maxHashWait = 5 * time.Second

// AddRoutes adds the pages of one-time addresses.
//
//	GET  /open  a page that asks whether to use a one-time address, as it is in the query (once)
//	POST /open  uses it, answered by a cookie and a redirection to /
func (g *Guard) AddRoutes(mux *Mux) {
	mux.Handle("GET /open", Public, http.HandlerFunc(g.serveOpen))
	mux.Handle("POST /open", Public, http.HandlerFunc(g.serveOpened))
}

// Login logs a user in for a request, and returns who that is and the cookie of the new session, which replaces the
// one of the request.
func (g *Guard) Login(r *http.Request, user, password string) (Principal, *http.Cookie, error) {
	who, id, err := g.login(r.Context(), r.RemoteAddr, user, password)
	if err != nil {
		g.refused.add(err)
		return Principal{}, nil, err
	}
	return who, cookie(g.TLS, r.Host, g.sessions.begin(g.cookieOf(r), id, who.Name)), nil
}

// Logout ends the session of a request, and returns the cookie that deletes its own.
func (g *Guard) Logout(r *http.Request) *http.Cookie {
	g.sessions.end(g.cookieOf(r))
	return cookie(g.TLS, r.Host, "")
}

// login checks a password within the limits.
func (g *Guard) login(ctx context.Context, remote, user, password string) (who Principal, id string, err error) {
	a, err := g.Store.accounts()
	if err != nil {
		return Principal{}, "", g.broken(err)
	}
	u := a.user(user)
	known, h := "", nobody
	if u != nil {
		known, h = u.Name, u.hash
	}
	cost := charges(remote, user)
	if wait := g.limits.take(append(cost, charge{"logins " + digestOf(user).String(), perUserRight})); wait > 0 {
		return Principal{}, "", limited{wait}
	}
	ctx, cancel := context.WithTimeout(ctx, maxHashWait)
	defer cancel()
	if err := g.hashing.begin(ctx); err != nil {
		g.limits.refund(cost)
		return Principal{}, "", err
	}
	right := h.matches(password)
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
	// There are no limits on guesses of 256 bits, so that nobody can block this way in; only the log is protected.
	if !g.once.use(r.URL.Query().Get("once")) {
		if g.limits.take([]charge{{"logged", perServer}}) == 0 {
			g.Log.Warn("wrong one-time address", "address", r.RemoteAddr, errcode.Key, errcode.AccessWrongLogin)
		}
		g.refuse(w, ErrWrong)
		return
	}
	g.Log.Info("login by a one-time address", "address", r.RemoteAddr)
	http.SetCookie(w, cookie(g.TLS, r.Host, g.sessions.begin(g.cookieOf(r), "", "")))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
