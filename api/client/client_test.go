package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"vigil/api"
	"vigil/api/problem"
	"vigil/internal/certtest"
	"vigil/internal/errcode"
)

// secret is the token of the tests; it must be in no error.
const secret = "vigil_XYZZY"

// ask asks a server for its status.
func ask(t *testing.T, o Options) error {
	t.Helper()
	c, err := New(o)
	if err == nil {
		_, err = c.Status(t.Context())
	}
	if err != nil && strings.Contains(err.Error(), "XYZZY") {
		t.Errorf("the token is in %v", err)
	}
	return err
}

func refuse(status int, code errcode.Code, detail string, fields ...problem.Field) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		p := problem.New(status, code, detail)
		p.Fields = fields
		p.Write(w)
	}
}

// Each answer other than a success is the error that the commands decide by.
func TestRefusals(t *testing.T) {
	var (
		invalid api.Invalid
		stale   api.Stale
		ofFile  api.OfFile
	)
	plain := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(status)
			fmt.Fprint(w, text)
		}
	}
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		token  string
		code   errcode.Code
		kind   any // of the error; nil for none of them
		says   string
	}{
		"fields": {
			refuse(422, errcode.RequestInvalid, "it is not valid",
				problem.Field{At: "body.for", Detail: "is too long"}),
			"", errcode.RequestInvalid, &invalid, "it is not valid\n  body.for: is too long",
		},
		"no camera": {
			refuse(404, errcode.CameraUnknown, "no such camera"), "", errcode.CameraUnknown, &invalid,
			"no such",
		},
		"no alert": {
			refuse(404, errcode.StoreNoAlert, "no such alert"), "", errcode.StoreNoAlert, nil,
			"no such alert",
		},
		"of file": {
			refuse(409, errcode.CameraOfFile, "is in the file"), "", errcode.CameraOfFile, &ofFile,
			"in the file",
		},
		"exists":    {refuse(409, errcode.CameraChanged, "exists"), "", errcode.CameraChanged, &stale, "exists"},
		"changed":   {refuse(412, errcode.CameraChanged, "changed"), "", errcode.CameraChanged, &stale, "changed"},
		"disk full": {refuse(503, errcode.StoreDiskFull, "no space"), "", errcode.StoreDiskFull, nil, "no space"},
		"denied":    {refuse(403, errcode.AccessDenied, "may not"), secret, errcode.AccessDenied, nil, "may not"},
		"no login": {
			refuse(401, errcode.AccessLogin, "needs a login"), "", errcode.AccessLogin, nil,
			"--token-file FILE",
		},
		"wrong": {
			refuse(401, errcode.AccessWrongLogin, "wrong"), secret, errcode.AccessWrongLogin, nil,
			"revoked",
		},
		"new code":   {refuse(503, "later.code", "something new"), "", "", nil, "something new"},
		"a page":     {plain(200, "<html>"), "", errcode.ServerNotVigil, nil, "answers 200 OK"},
		"not found":  {plain(404, "404 page not found"), "", errcode.ServerNotVigil, nil, "of this version"},
		"a teapot":   {plain(418, ""), "", errcode.ServerNotVigil, nil, "418"},
		"other JSON": {plain(401, `{"error":"x"}`), secret, errcode.ServerNotVigil, nil, "401"},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(tt.answer)
			defer s.Close()
			err := ask(t, Options{Server: s.URL, Token: tt.token})
			if err == nil || errcode.Of(err) != tt.code || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v with code %q", err, errcode.Of(err))
			}
			if tt.kind == nil && (errors.As(err, &invalid) || errors.As(err, &stale) || errors.As(err, &ofFile)) ||
				tt.kind != nil && !errors.As(err, tt.kind) {
				t.Errorf("%v is a %T", err, err)
			}
		})
	}
}

// A token goes to the given server only, and not readable over a network; nor does a redirection take it elsewhere.
func TestTokenStaysWithTheServer(t *testing.T) {
	var got []string
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Authorization"))
	}))
	defer other.Close()
	for _, status := range []int{301, 302, 307, 308} {
		s := httptest.NewServer(http.RedirectHandler(other.URL+"/api/v1/status?token=XYZZY", status))
		err := ask(t, Options{Server: s.URL, Token: secret})
		if errcode.Of(err) != errcode.ServerNotVigil || !strings.Contains(err.Error(), "refers to "+other.URL) {
			t.Errorf("%d: %v", status, err)
		}
		s.Close()
	}
	if len(got) > 0 {
		t.Errorf("it was followed: %q", got)
	}
	for server, says := range map[string]string{
		"http://vigil.example":             "--insecure-http",
		"http://10.0.0.7:8080":             "--insecure-http",
		"http://127.0.0.1.example":         "--insecure-http",
		"https://user:XYZZY@vigil.example": "has a name or a password",
		"https://vigil.example/api/v1":     "must end after the host",
		"https://vigil.example?x=1":        "must end after the host",
		"ftp://vigil.example":              "must be a URL",
		"vigil.example:8080":               "must be a URL",
		"https://":                         "must be a URL",
		"https://:8080":                    "must be a URL",
		"\x00":                             "must be a URL",
	} {
		if err := ask(t, Options{Server: server, Token: secret}); !errors.As(err, new(UsageError)) ||
			!strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", server, err)
		}
	}
	if _, err := New(Options{Server: "http://10.0.0.7:8080", Token: secret, InsecureHTTP: true}); err != nil {
		t.Errorf("with --insecure-http: %v", err)
	}
	for _, token := range []string{"XYZZY X", "XYZZY\nX: y", "XYZZY\x01", strings.Repeat("XYZZY", 1000)} {
		if err := ask(t, Options{Server: other.URL, Token: token}); !errors.As(err, new(UsageError)) {
			t.Errorf("token %.10q: %v", token, err)
		}
	}
	if err := onlyLoopback("tcp", "10.0.0.7:80", nil); err == nil {
		t.Error("a name of this machine may lead elsewhere")
	}
	if err := ask(t, Options{Server: other.URL, Token: secret + "\n"}); err == nil || len(got) != 1 ||
		got[0] != "Bearer "+secret {
		t.Errorf("%v, got %q", err, got)
	}
}

// A certificate is trusted if the given file has its authority or itself; every other one is refused with a remedy.
func TestCertificates(t *testing.T) {
	authority := certtest.SelfSigned(t)
	for name, tt := range map[string]struct {
		server *certtest.Certificate
		ca     string
		says   string
	}{
		"signed":           {authority.Issue(t, "127.0.0.1"), authority.CertFile, ""},
		"unknown":          {authority.Issue(t, "127.0.0.1"), "", "give --ca FILE"},
		"another":          {authority.Issue(t, "127.0.0.1"), certtest.SelfSigned(t).CertFile, "not signed by one of"},
		"of another name":  {authority.Issue(t, "vigil.example"), authority.CertFile, "127.0.0.1"},
		"signed by nobody": {certtest.SelfSigned(t, "127.0.0.1"), "", "give --ca FILE"},
	} {
		t.Run(name, func(t *testing.T) {
			pair, err := tls.X509KeyPair(tt.server.PEM, key(t, tt.server))
			if err != nil {
				t.Fatal(err)
			}
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != "Bearer "+secret {
					t.Error("no token")
				}
				w.Header().Set("Content-Type", "application/json")
				fmt.Fprint(w, `{"version":"1"}`)
			}))
			s.Config.ErrorLog = log.New(io.Discard, "", 0)
			s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
			s.StartTLS()
			defer s.Close()
			err = ask(t, Options{Server: s.URL, Token: secret, CA: tt.ca})
			if tt.says == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if errcode.Of(err) != errcode.ServerCertificate || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v", err)
			}
		})
	}
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	if err := ask(t, Options{Server: strings.Replace(s.URL, "http", "https", 1), Token: secret}); errcode.Of(err) !=
		errcode.ServerNotVigil || !strings.Contains(err.Error(), "without TLS") {
		t.Errorf("https to http: %v", err)
	}
	tlsServer := httptest.NewUnstartedServer(http.NotFoundHandler())
	tlsServer.Config.ErrorLog = log.New(io.Discard, "", 0)
	tlsServer.StartTLS()
	defer tlsServer.Close()
	if err := ask(t, Options{Server: strings.Replace(tlsServer.URL, "https", "http", 1)}); errcode.Of(err) !=
		errcode.ServerNotVigil || !strings.Contains(err.Error(), "give https://") {
		t.Errorf("http to https: %v", err)
	}
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for file, says := range map[string]string{empty: "no certificate", empty + "x": "no such file"} {
		if err := ask(t, Options{Server: tlsServer.URL, CA: file}); !errors.As(err, new(UsageError)) ||
			!strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func key(t *testing.T, c *certtest.Certificate) []byte {
	t.Helper()
	text, err := os.ReadFile(c.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// What does not answer is named; so is an answer without end.
func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := "http://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := ask(t, Options{Server: gone, Token: secret}); errcode.Of(err) != errcode.ServerUnreachable ||
		!strings.Contains(err.Error(), gone+" cannot be reached") {
		t.Errorf("%v", err)
	}
	if err := ask(t, Options{DataDir: t.TempDir()}); errcode.Of(err) != errcode.StoreNotRunning {
		t.Errorf("%v", err)
	}
	if err := ask(t, Options{DataDir: filepath.Join(t.TempDir(), strings.Repeat("x", 100))}); err == nil ||
		!strings.Contains(err.Error(), "shorter path") {
		t.Errorf("%v", err)
	}
	if err := remoteError("https://x", "", fmt.Errorf("get: %w", x509.UnknownAuthorityError{})); errcode.Of(err) !=
		errcode.ServerCertificate {
		t.Errorf("%v", err)
	}
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for block := make([]byte, 1<<20); ; {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}))
	defer endless.Close()
	if err := ask(t, Options{Server: endless.URL}); !errors.Is(err, errTooLong) {
		t.Errorf("%v", err)
	}
}

// Lists are read page after page, until the limit.
func TestPages(t *testing.T) {
	const total = 2500
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		q := r.URL.Query()
		from, _ := strconv.Atoi(q.Get("cursor"))
		limit, _ := strconv.Atoi(q.Get("limit"))
		list := api.CameraList{}
		for i := from; i < min(from+limit, total); i++ {
			list.Cameras = append(list.Cameras, api.Camera{Name: strconv.Itoa(i)})
		}
		if from+limit < total {
			list.Next = strconv.Itoa(from + limit)
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		if err := json.NewEncoder(w).Encode(list); err != nil {
			t.Error(err)
		}
	}))
	defer s.Close()
	c, err := New(Options{Server: s.URL + "/"})
	if err != nil {
		t.Fatal(err)
	}
	all, err := c.Cameras(t.Context())
	if err != nil || len(all.Cameras) != total || all.Cameras[total-1].Name != "2499" || asked != 3 || all.Next != "" {
		t.Errorf("%d cameras of %d requests, %v", len(all.Cameras), asked, err)
	}
}

// A slow server does not keep a command that has been interrupted.
func TestCancelled(t *testing.T) {
	started := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(started)
		<-r.Context().Done()
	}))
	defer s.Close()
	c, err := New(Options{Server: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() {
		<-started
		cancel()
	}()
	if _, err := c.Status(ctx); err == nil {
		t.Error("it was answered")
	}
}
