package access

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vigil/internal/errcode"
)

const right = `{"user":"anna","password":"a long password"}`

func withAnna(t *testing.T, g *Guard, grant Grant) {
	t.Helper()
	if err := g.Store.AddUser("anna", "a long password", grant); err != nil {
		t.Fatal(err)
	}
}

func cookieFrom(t *testing.T, res *http.Response) *http.Cookie {
	t.Helper()
	if all := res.Cookies(); len(all) == 1 {
		return all[0]
	}
	t.Fatalf("cookies %v", res.Cookies())
	return nil
}

func with(c *http.Cookie) func(*http.Request) { return func(r *http.Request) { r.AddCookie(c) } }

func TestLogin(t *testing.T) {
	for _, secure := range []bool{false, true} {
		g := testGuard(t, false, secure)
		withAnna(t, g, Grant{RoleOperate, []string{"gate"}})
		res := do(t, g, "POST", "/api/v1/login", right, nil)
		var s Principal
		if err := json.NewDecoder(res.Body).Decode(&s); err != nil || res.StatusCode != 200 || s.Name != "anna" ||
			s.Kind != KindUser || s.Role != RoleOperate || len(s.Cameras) != 1 {
			t.Fatalf("%d %+v, %v", res.StatusCode, s, err)
		}
		c := cookieFrom(t, res)
		if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Secure != secure || c.Path != "/" ||
			c.Domain != "" ||
			strings.HasPrefix(c.Name, "__Host-") != secure || len(c.Value) < 50 {
			t.Errorf("cookie %v", c)
		}
		if res := do(t, g, "GET", "/api/v1/session", "", with(c)); res.StatusCode != 200 {
			t.Errorf("the session: %d", res.StatusCode)
		}
		// A new login ends the session before it, also one that somebody else has set.
		again := cookieFrom(t, do(t, g, "POST", "/api/v1/login", right, with(c)))
		if again.Value == c.Value {
			t.Error("the cookie is the same after another login")
		}
		if res := do(t, g, "GET", "/api/v1/session", "", with(c)); res.StatusCode != 401 {
			t.Errorf("the session before: %d", res.StatusCode)
		}
		out := do(t, g, "POST", "/api/v1/logout", "", with(again))
		if gone := cookieFrom(t, out); out.StatusCode != 204 || gone.MaxAge >= 0 || gone.Value != "" {
			t.Errorf("logout: %d %v", out.StatusCode, gone)
		}
		if res := do(t, g, "GET", "/api/v1/session", "", with(again)); res.StatusCode != 401 {
			t.Errorf("after the logout: %d", res.StatusCode)
		}
	}
}

// A wrong password and an unknown user are answered alike.
func TestWrongLogin(t *testing.T) {
	g := testGuard(t, true, false)
	withAnna(t, g, Grant{Role: RoleView})
	var log bytes.Buffer
	g.Log = slog.New(slog.NewTextHandler(&log, nil))
	var texts []string
	for body, want := range map[string]int{
		`{"user":"anna","password":"another password"}`:  401,
		`{"user":"otto-secret","password":"a long one"}`: 401,
		`{"user":"","password":""}`:                      401,
	} {
		res := do(t, g, "POST", "/api/v1/login", body, nil)
		if res.StatusCode != want || len(res.Cookies()) > 0 {
			t.Errorf("%.40s: %d", body, res.StatusCode)
		}
		if want == 401 {
			texts = append(texts, problemOf(t, res).Detail)
		}
	}
	if len(texts) != 3 || texts[0] != texts[1] || texts[1] != texts[2] {
		t.Errorf("answers %q", texts)
	}
	if strings.Contains(log.String(), "password") || strings.Contains(log.String(), "otto") {
		t.Errorf("the log: %s", &log)
	}
}

// Wrong logins are refused after some, whatever the password, and permitted again in time; right ones cost nothing.
func TestLoginLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := testGuard(t, true, false)
		withAnna(t, g, Grant{Role: RoleView})
		login := func(from, body string) *http.Response {
			return do(t, g, "POST", "/api/v1/login", body, func(r *http.Request) { r.RemoteAddr = from })
		}
		const wrong = `{"user":"anna","password":"another password"}`
		for range 2 * perAddress.burst {
			if res := login("10.0.0.1:1", right); res.StatusCode != 200 {
				t.Fatalf("a right login: %d", res.StatusCode)
			}
		}
		for range perAddress.burst {
			if res := login("10.0.0.1:1", wrong); res.StatusCode != 401 {
				t.Fatalf("a wrong login: %d", res.StatusCode)
			}
		}
		res := login("10.0.0.1:2", right)
		if n := g.Refused(); n[errcode.AccessWrongLogin] != uint64(perAddress.burst) || n[errcode.AccessLimited] != 1 {
			t.Errorf("counted %v", n)
		}
		if problemOf(t, res); res.StatusCode != 429 || res.Header.Get("Retry-After") != "30" {
			t.Errorf("too many: %d %v", res.StatusCode, res.Header)
		}
		if res := login("10.0.0.2:1", right); res.StatusCode != 200 {
			t.Errorf("from elsewhere: %d", res.StatusCode)
		}
		time.Sleep(perAddress.interval)
		if res := login("10.0.0.1:1", right); res.StatusCode != 200 {
			t.Errorf("after the wait: %d", res.StatusCode)
		}
	})
}

func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimits()
		attempts := func(remote, user string) (n int) {
			for l.take(charges(remote, user)) == 0 {
				n++
			}
			return n
		}
		if n := attempts("10.0.0.1:1", "anna"); n != perAddress.burst {
			t.Errorf("an address: %d", n)
		}
		if n := attempts("[2001:db8::1]:1", "") + attempts("[2001:db8::2]:9", ""); n != perAddress.burst {
			t.Errorf("an IPv6 network: %d", n)
		}
		if n := attempts("[::ffff:10.0.0.1]:1", ""); n != 0 {
			t.Errorf("the same address in another form: %d", n)
		}
		sum := perAddress.burst
		for i := range 50 {
			sum += attempts("10.1.0."+string(rune('0'+i%10))+string(rune('0'+i/10))+":1", "anna")
		}
		if sum != perUser.burst {
			t.Errorf("a user: %d", sum)
		}
		time.Sleep(time.Hour)
		sum = 0
		for i := range 256 {
			sum += attempts("10.2.0."+itoa(i)+":1", "user"+itoa(i))
		}
		if sum != perServer.burst {
			t.Errorf("the server: %d", sum)
		}
		time.Sleep(time.Hour)
		for i := range 3 * maxTracked {
			time.Sleep(perServer.interval)
			l.take(charges("10."+itoa(i>>16)+"."+itoa(i>>8&255)+"."+itoa(i&255)+":1", ""))
		}
		if len(l.full) > maxTracked+3 {
			t.Errorf("%d are remembered", len(l.full))
		}
	})
}

// A session ends when nobody uses it, after a time in any case, with its user, and as the oldest of too many.
func TestSessionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := testGuard(t, false, false)
		withAnna(t, g, Grant{Role: RoleView})
		begin := func() *http.Cookie { return cookieFrom(t, do(t, g, "POST", "/api/v1/login", right, nil)) }
		status := func(c *http.Cookie) int { return do(t, g, "GET", "/api/v1/session", "", with(c)).StatusCode }
		c := begin()
		time.Sleep(sessionIdle - time.Second)
		if got := status(c); got != 200 {
			t.Errorf("before it is idle: %d", got)
		}
		time.Sleep(sessionIdle)
		if got := status(c); got != 401 {
			t.Errorf("idle: %d", got)
		}
		c = begin()
		for range sessionLongest/sessionIdle*2 - 1 {
			time.Sleep(sessionIdle / 2)
			if got := status(c); got != 200 {
				t.Fatalf("in use: %d", got)
			}
		}
		time.Sleep(sessionIdle / 2)
		if got := status(c); got != 401 {
			t.Errorf("too long: %d", got)
		}
		c = begin()
		if err := g.Store.RemoveUser("anna"); err != nil {
			t.Fatal(err)
		}
		withAnna(t, g, Grant{Role: RoleOperate})
		if got := status(c); got != 401 {
			t.Errorf("of a user who was removed and made again: %d", got)
		}
		c = begin()
		other := g.sessions.begin("", "another", "otto")
		for range maxOfUser {
			time.Sleep(time.Millisecond)
			g.sessions.begin("", g.Store.now.user("anna").ID, "anna")
		}
		if _, ok := g.sessions.find(other, false); status(c) != 401 || !ok {
			t.Errorf("the oldest of a user's: %d; another user's: %v", status(c), ok)
		}
		c = begin()
		for range maxSessions {
			time.Sleep(time.Millisecond)
			g.sessions.begin("", "", "")
		}
		if got := status(c); got != 401 || len(g.sessions.all) != maxSessions {
			t.Errorf("the oldest of too many: %d, %d sessions", got, len(g.sessions.all))
		}
	})
}

// A token counts until it is revoked or expires, also for an answer that is under way.
func TestTokenEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := testGuard(t, false, false)
		secret, err := g.Store.AddToken("ha", Grant{Role: RoleOperate}, time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		short, err := g.Store.AddToken("short", Grant{Role: RoleOperate}, time.Now().Add(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		bearer := func(s string) func(*http.Request) {
			return func(r *http.Request) { r.Header.Set("Authorization", "bearer "+s) }
		}
		r, err := http.NewRequestWithContext(t.Context(), "GET", "http://vigil/", nil)
		if err != nil {
			t.Fatal(err)
		}
		bearer(secret)(r)
		var still func() bool
		g.Require(View, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			still = func() bool { return StillAllowed(r.Context()) }
		})).ServeHTTP(nopWriter{}, r)
		if still == nil || !still() {
			t.Fatal("the token is refused")
		}
		time.Sleep(time.Minute)
		for s, want := range map[string]int{secret: 200, short: 401, secret + "x": 401, secret[1:]: 401} {
			if res := do(t, g, "POST", "/operate", "", bearer(s)); res.StatusCode != want {
				t.Errorf("%d, want %d", res.StatusCode, want)
			}
		}
		if err := g.Store.RevokeToken("ha"); err != nil {
			t.Fatal(err)
		}
		res := do(t, g, "POST", "/operate", "", bearer(secret))
		if problemOf(t, res); res.StatusCode != 401 || res.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("a revoked token: %d", res.StatusCode)
		}
		if still() {
			t.Error("an answer goes on that a revoked token has begun")
		}
	})
}

type nopWriter struct{}

func (nopWriter) Header() http.Header         { return http.Header{} }
func (nopWriter) Write(b []byte) (int, error) { return len(b), nil }
func (nopWriter) WriteHeader(int)             {}

// A one-time address works once, for a time, and by its button only.
func TestOneTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := testGuard(t, true, false)
		path := g.OneTimePath()
		for range 2 {
			if res := do(t, g, "GET", path, "", nil); res.StatusCode != 200 || len(res.Cookies()) > 0 {
				t.Fatalf("the page: %d", res.StatusCode)
			}
		}
		res := do(t, g, "POST", path, "", nil)
		if res.StatusCode != 303 || res.Header.Get("Location") != "/" {
			t.Fatalf("%d %v", res.StatusCode, res.Header)
		}
		c := cookieFrom(t, res)
		if res := do(t, g, "POST", "/operate", "", with(c)); res.StatusCode != 200 {
			t.Errorf("with it: %d", res.StatusCode)
		}
		first := g.OneTimePath()
		oldest := g.OneTimePath()
		for range maxOneTime {
			time.Sleep(time.Second)
			g.OneTimePath()
		}
		if res := do(t, g, "POST", oldest, "", nil); res.StatusCode != 401 {
			t.Errorf("the oldest of too many: %d", res.StatusCode)
		}
		time.Sleep(OneTimeValid)
		for name, path := range map[string]string{
			"again": path, "too late": first, "none": "/open",
			"wrong": "/open?once=x",
		} {
			if res := do(t, g, "POST", path, "", nil); res.StatusCode != 401 {
				t.Errorf("%s: %d", name, res.StatusCode)
			}
		}
		for range 3 * perServer.burst { // nobody can block this way in
			res = do(t, g, "POST", "/open?once=y", "", nil)
		}
		if right := do(t, g, "POST", g.OneTimePath(), "", nil); res.StatusCode != 401 || right.StatusCode != 303 {
			t.Errorf("many wrong ones: %d, then a right one: %d", res.StatusCode, right.StatusCode)
		}
	})
}

// Users and tokens that cannot be read let nobody in, and the answer does not say where they are.
func TestDamagedFile(t *testing.T) {
	g := testGuard(t, true, false)
	withAnna(t, g, Grant{Role: RoleOperate})
	c := cookieFrom(t, do(t, g, "POST", "/api/v1/login", right, nil))
	if err := os.WriteFile(g.Store.path(), []byte(`{"version":1,`), 0o600); err != nil {
		t.Fatal(err)
	}
	token := func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }
	for name, res := range map[string]*http.Response{
		"session": do(t, g, "GET", "/view", "", with(c)), "token": do(t, g, "GET", "/view", "", token),
		"login": do(t, g, "POST", "/api/v1/login", right, nil),
	} {
		if p := problemOf(t, res); res.StatusCode != 503 || strings.Contains(p.Detail, g.Store.dir) {
			t.Errorf("%s: %d %q", name, res.StatusCode, p.Detail)
		}
	}
}

// A clock that is an hour off moves the end of tokens as far, and nothing else: neither does a token from an hour ahead
// have to wait, nor do sessions and one-time addresses end, whose times are not the wall clock's.
func TestClockOff(t *testing.T) {
	g := testGuard(t, false, false)
	secret, err := g.Store.AddToken("ha", Grant{Role: RoleView}, time.Now().Add(90*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	a, err := g.Store.accounts()
	if err != nil {
		t.Fatal(err)
	}
	for off, want := range map[time.Duration]bool{-time.Hour: true, time.Hour: true, 2 * time.Hour: false} {
		if got := a.token(secret, time.Now().Add(off)) != nil; got != want {
			t.Errorf("with a clock that is %v off: %v", off, got)
		}
	}
	if now := time.Now(); (session{began: now, used: now}).over(now.Add(time.Hour)) {
		t.Error("an hour ends a session")
	}
}
