//go:build linux && cgo && gocv_videoio

package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"vigil/internal/cameratest"
	"vigil/internal/certtest"
)

// An address that other machines reach is opened with a login and a certificate only, and answers only to logins, in
// what they may see.
func TestOpenAddress(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	cert := certtest.SelfSigned(t, "127.0.0.1")
	file := filepath.Join(dir, "vigil.yaml")
	configure := func(http string) string {
		keepText(t, file,
			fmt.Sprintf("data_dir: data\nmodel: %s\nnats: {embedded: {port: 0}}\n"+
				"http: {listen: \"0.0.0.0:0\"%s}\ndefaults: {fps: 0, hop: 4, threshold: {lo: 0.1, theta: "+
				"0.5}}\ncameras:\n  - {name: gate, source: %q}\n"+
				"  - {name: yard, source: %q}\n", cameratest.ZeroWeights(t), http, flashes(t, new(atomic.Bool)),
				flashes(t, new(atomic.Bool))))
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	withTLS := fmt.Sprintf(", tls: {cert: %q, key: %q}", cert.CertFile, cert.KeyFile)
	for _, tt := range []struct{ http, want string }{
		{"", "http.tls.cert"},
		{withTLS, "there is no user and no token"},
		{", insecure: true", "there is no user and no token"},
	} {
		configure(tt.http)
		for _, command := range []string{"run", "config check"} {
			args := append(strings.Fields(command), "-c", file)
			if code, _, errs := runVigil(t, args...); code != exitUsage || !strings.Contains(errs, tt.want) {
				t.Errorf("%s with %q: %d %s", command, tt.http, code, errs)
			}
		}
	}
	token := strings.TrimSpace(mustRunVigil(t, "token", "add", "guard", "--camera", "gate", "--data-dir", data))
	all := strings.TrimSpace(mustRunVigil(t, "token", "add", "all", "--role", "operate", "--data-dir", data))

	w := watch(t, strings.Replace(configure(withTLS), "data_dir: data", "data_dir: "+data, 1))
	pool := x509.NewCertPool()
	pem, err := os.ReadFile(cert.CertFile)
	if err != nil || !pool.AppendCertsFromPEM(pem) {
		t.Fatalf("no certificate: %v", err)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	defer client.CloseIdleConnections()
	base := strings.Replace(w.url("http.listen"), "[::]", "127.0.0.1", 1)
	base = strings.Replace(base, "0.0.0.0", "127.0.0.1", 1)
	ask := func(method, path, login, body string, headers ...string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if login != "" {
			r.Header.Set("Authorization", "Bearer "+login)
		}
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		res, err := client.Do(r)
		if err != nil {
			t.Fatalf("%s %s: %v", method, path, err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(text)
	}
	w.until("frames of both", func() bool {
		_, text := ask("GET", "/api/v1/cameras", all, "")
		return strings.Count(text, `"live"`) == 2
	})
	const json = "application/json"
	for _, tt := range []struct {
		method, path, login, body string
		headers                   []string
		status                    int
		want, not                 string
	}{
		{"GET", "/healthz", "", "", nil, 200, "", "gate"},
		{"GET", "/metrics", "", "", nil, 401, "access.login", "gate"},
		{"GET", "/readyz", "", "", nil, 401, "access.login", "gate"},
		{"GET", "/api/v1/cameras", "", "", nil, 401, "access.login", "gate"},
		{"GET", "/api/v1/cameras", "vigil_wrong", "", nil, 401, "access.wrong_login", "gate"},
		{"GET", "/api/v1/cameras", token, "", nil, 200, "gate", "yard"},
		{"GET", "/api/v1/health", token, "", nil, 200, "", "yard"},
		{"GET", "/api/v1/alerts", token, "", nil, 200, "", "yard"},
		{"GET", "/api/v1/alerts?camera=yard", token, "", nil, 404, "", ""},
		{"GET", "/api/v1/cameras/yard", token, "", nil, 404, "camera.unknown", ""},
		{"GET", "/metrics", token, "", nil, 403, "access.denied", "yard"},
		{"GET", "/api/v1/config", token, "", nil, 403, "access.denied", "yard"},
		{
			"POST", "/api/v1/cameras/gate/switches", token, `{"action":"pause"}`,
			[]string{"Content-Type", json},
			403,
			"access.denied", "",
		},
		{"GET", "/metrics", all, "", nil, 200, `camera="yard"`, ""},
		{"POST", "/api/v1/open", all, "", nil, 403, "access.denied", "once="},
		{"GET", "/api/v1/cameras", all, "", []string{"Origin", "https://evil.example"}, 403, "access.origin", "gate"},
		{"GET", "/api/v1/cameras", all, "", []string{"Sec-Fetch-Site", "cross-site"}, 403, "access.origin", "gate"},
		{
			"POST", "/api/v1/cameras/gate/switches", all, `{"action":"pause"}`,
			[]string{"Origin", "https://evil.example", "Content-Type", json},
			403, "access.origin", "",
		},
		{
			"POST", "/api/v1/cameras", all, `{"name":"` + strings.Repeat("a", 1<<20) + `"}`,
			[]string{"Content-Type", json},
			413, "request.too_large", "",
		},
		{"GET", "/api/../../etc/passwd", all, "", nil, 404, "", "root:"},
		{"GET", "/%2e%2e/%2e%2e/etc/passwd", all, "", nil, 404, "", "root:"},
	} {
		status, text := ask(tt.method, tt.path, tt.login, tt.body, tt.headers...)
		if status != tt.status || !strings.Contains(text, tt.want) || tt.not != "" && strings.Contains(text, tt.not) {
			t.Errorf("%s %s %v: %d %s", tt.method, tt.path, tt.headers, status, text)
		}
	}
	mustRunVigil(t, "token", "revoke", "guard", "--data-dir", data)
	if status, _ := ask("GET", "/api/v1/cameras", token, ""); status != http.StatusUnauthorized {
		t.Errorf("a revoked token: %d", status)
	}
	if res, err := http.Get(strings.Replace(base, "https", "http", 1) +
		"/api/v1/cameras"); err == nil { //nolint:noctx // a client that is wrong
		text, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if bytes.Contains(text, []byte("gate")) {
			t.Errorf("without TLS: %s", text)
		}
	}
	w.end()
	if strings.Contains(w.log.String(), token) || strings.Contains(w.log.String(), all) {
		t.Errorf("a token is in the log:\n%s", w.log)
	}

	w = watch(t, strings.Replace(configure(", insecure: true"), "data_dir: data", "data_dir: "+data, 1))
	w.until("the warning", func() bool { return strings.Contains(w.log.String(), "access.insecure") })
}

// A browser that opens the one-time address is logged in, once.
func TestOneTimeAddress(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	w := watch(t, strings.Replace(configText(t, flashes(t, new(atomic.Bool)), "\nhttp: {listen: \"127.0.0.1:0\"}"),
		"data_dir: ", "data_dir: "+data+" # ", 1))
	base := w.url("http.listen")
	var opened struct{ URL string }
	if err := json.Unmarshal([]byte(mustRunVigil(t, "open", "--json", "--data-dir", data)), &opened); err != nil ||
		!strings.HasPrefix(opened.URL, base+"/open?once=") {
		t.Fatalf("%+v, %v", opened, err)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	post := func() *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, opened.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Origin", base)
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = res.Body.Close() })
		return res
	}
	first := post()
	if first.StatusCode != http.StatusSeeOther || len(first.Cookies()) != 1 {
		t.Fatalf("%s %v", first.Status, first.Cookies())
	}
	if again := post(); again.StatusCode != http.StatusUnauthorized {
		t.Errorf("twice: %s", again.Status)
	}
	change := func(c *http.Cookie) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/api/v1/cameras/flashes/switches",
			strings.NewReader(`{"action":"snooze","for":"1h"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		if c != nil {
			r.AddCookie(c)
		}
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode
	}
	if status := change(nil); status != http.StatusUnauthorized {
		t.Errorf("a change without a login: %d", status)
	}
	if status := change(first.Cookies()[0]); status != http.StatusOK {
		t.Errorf("a change by the browser: %d", status)
	}
}
