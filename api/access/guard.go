package access

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"vigil/internal/errcode"
)

// Options describe a Guard.
type Options struct {
	Store *Store
	// Loopback says that only this machine reaches the address: the requests must name this machine as their host.
	Loopback bool
	// Anonymous lets everyone look without a login at such an address.
	Anonymous bool
	TLS       bool
	Log       *slog.Logger
}

// Guard decides about requests, and keeps the sessions. One Guard serves an address and the Unix socket.
type Guard struct {
	Options
	sessions sessions
	once     oneTimes
	limits   *limits
	hashing  hashing
	cross    http.CrossOriginProtection
	refused  refused

	unreadable atomic.Pointer[string] // why users and tokens could not be read at last
}

// NewGuard returns a Guard.
func NewGuard(o Options) *Guard {
	return &Guard{
		Options: o, sessions: sessions{all: map[digest]session{}}, once: oneTimes{all: map[digest]time.Time{}},
		limits: newLimits(), hashing: make(hashing, maxHashing), refused: make(refused, len(refusals)),
	}
}

// Require returns a handler that answers only to requests with a permission; a Mux has made the other checks. It panics
// for no permission at all: a route must declare one.
func (g *Guard) Require(p Permission, h http.Handler) http.Handler {
	if p.scope == scopeNone {
		panic("access: a route without a permission")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, err := g.allow(p, r, true)
		if err != nil {
			g.refuse(w, err)
			return
		}
		again := func() (Principal, error) { return g.allow(p, r, false) }
		h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), admittedKey, admitted{who, again})))
	})
}

// allow identifies the principal of a request and checks the permission. use says that a session is in use.
func (g *Guard) allow(p Permission, r *http.Request, use bool) (Principal, error) {
	who, err := g.identify(r, use)
	if p.scope == scopePublic {
		return who, nil // also with a login that is wrong, so that one can log in again
	}
	if err == nil {
		err = p.allows(who, r.PathValue(p.param))
	}
	return who, err
}

// identify returns on whose behalf a request is made; the zero value for nobody. A token that is wrong is an error, not
// nobody; a session that is over is nobody, as without its cookie.
func (g *Guard) identify(r *http.Request, use bool) (Principal, error) {
	if other, onSocket := peerOf(r.Context()); onSocket {
		if !other.trusted() {
			return Principal{}, ErrDenied
		}
		return Principal{Kind: KindSocket, Grant: Grant{Role: RoleOperate}}, nil
	}
	if r.Header["Authorization"] != nil {
		return g.identifyToken(r)
	}
	if secret := g.cookieOf(r); secret != "" {
		if who, ok, err := g.identifySession(secret, use); ok || err != nil {
			return who, err
		}
	}
	if g.Loopback && g.Anonymous && !forwarded(r.Header) {
		return Principal{Kind: KindAnonymous, Grant: Grant{Role: RoleView}}, nil
	}
	return Principal{}, nil
}

func (g *Guard) identifyToken(r *http.Request) (Principal, error) {
	all := r.Header["Authorization"]
	scheme, secret, _ := strings.Cut(all[0], " ")
	if len(all) != 1 || !strings.EqualFold(scheme, "Bearer") {
		return Principal{}, ErrWrong
	}
	a, err := g.Store.accounts()
	if err != nil {
		return Principal{}, g.broken(err)
	}
	t := a.token(strings.TrimSpace(secret), time.Now())
	if t == nil {
		return Principal{}, ErrWrong
	}
	return Principal{KindToken, t.Name, t.Grant}, nil
}

func (g *Guard) identifySession(secret string, use bool) (who Principal, ok bool, err error) {
	s, ok := g.sessions.find(secret, use)
	switch {
	case !ok:
		return Principal{}, false, nil
	case s.userID == "":
		return Principal{Kind: KindOneTime, Grant: Grant{Role: RoleOperate}}, true, nil
	}
	a, err := g.Store.accounts()
	if err != nil {
		return Principal{}, false, g.broken(err)
	}
	u := a.user(s.user)
	if u == nil || u.ID != s.userID {
		g.sessions.end(secret)
		return Principal{}, false, nil
	}
	return Principal{KindUser, u.Name, u.Grant}, true, nil
}

// broken logs why users and tokens cannot be read, once for each reason. The answer does not tell, since it has paths
// in it.
func (g *Guard) broken(err error) error {
	text := err.Error()
	if last := g.unreadable.Swap(&text); last == nil || *last != text {
		g.Log.Error("users and tokens cannot be read: none of them can log in", "error", err,
			errcode.Key, errcode.AccessFile)
	}
	return errUnreadable
}

func (g *Guard) cookieOf(r *http.Request) string {
	c, err := r.Cookie(cookieName(g.TLS, r.Host))
	if err != nil {
		return ""
	}
	return c.Value
}
