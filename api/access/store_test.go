package access

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vigil/internal/certtest"
	"vigil/internal/errcode"
)

func itoa(n int) string { return strconv.Itoa(n) }

func TestStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	a, b := NewStore(dir), NewStore(dir) // as two processes
	if empty, err := a.Empty(); !empty || err != nil {
		t.Errorf("without a folder: %v, %v", empty, err)
	}
	if err := a.AddUser("anna", "a long password", Grant{RoleView, []string{"gate"}}); err != nil {
		t.Fatal(err)
	}
	secret, err := b.AddToken("ha", Grant{Role: RoleOperate}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if empty, err := a.Empty(); empty || err != nil {
		t.Errorf("with users: %v, %v", empty, err)
	}
	users, err := b.Users()
	if err != nil || len(users) != 1 || users[0].Name != "anna" || users[0].Cameras[0] != "gate" {
		t.Errorf("users %+v, %v", users, err)
	}
	tokens, err := a.Tokens()
	if err != nil || len(tokens) != 1 || tokens[0].Cameras != nil || tokens[0].Expires != nil {
		t.Errorf("tokens %+v, %v", tokens, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, accountsFile))
	if err != nil || strings.Contains(string(text), secret) || strings.Contains(string(text), "long password") ||
		strings.Contains(string(text), strings.TrimPrefix(secret, tokenPrefix)) {
		t.Errorf("the file has a secret in it, or %v", err)
	}
	for _, name := range []string{accountsFile, lockFile} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	for what, err := range map[string]error{
		"user twice":    a.AddUser("anna", "a long password", Grant{Role: RoleView}),
		"token twice":   second(a.AddToken("ha", Grant{Role: RoleView}, time.Time{})),
		"unknown user":  a.RemoveUser("otto"),
		"unknown token": a.RevokeToken("otto"),
		"short":         a.AddUser("otto", "123456789", Grant{Role: RoleView}),
		"long":          a.AddUser("otto", strings.Repeat("a", maxPassword+1), Grant{Role: RoleView}),
		"not UTF-8":     a.AddUser("otto", "aaaaaaaaaa\xff", Grant{Role: RoleView}),
		"role":          a.AddUser("otto", "a long password", Grant{Role: "admin"}),
		"no role":       a.AddUser("otto", "a long password", Grant{}),
		"camera":        a.AddUser("otto", "a long password", Grant{RoleView, []string{"Gate"}}),
		"name":          a.AddUser("a b", "a long password", Grant{Role: RoleView}),
		"empty name":    second(a.AddToken("", Grant{Role: RoleView}, time.Time{})),
		"past":          second(a.AddToken("x", Grant{Role: RoleView}, time.Now().Add(-time.Second))),
	} {
		if !errors.As(err, new(Invalid)) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if again, err := os.ReadFile(filepath.Join(dir, accountsFile)); err != nil || string(again) != string(text) {
		t.Errorf("errors have changed the file, or %v", err)
	}
	if err := errors.Join(b.RemoveUser("anna"), a.RevokeToken("ha")); err != nil {
		t.Error(err)
	}
	if empty, err := b.Empty(); !empty || err != nil {
		t.Errorf("after all were removed: %v, %v", empty, err)
	}
}

func second(_ string, err error) error { return err }

// A list without a camera stays one: it is not every camera.
func TestNoCameras(t *testing.T) {
	s := NewStore(t.TempDir())
	if _, err := s.AddToken("none", Grant{RoleView, []string{}}, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if tokens, err := NewStore(s.dir).Tokens(); err != nil || tokens[0].Cameras == nil {
		t.Errorf("%+v, %v", tokens, err)
	}
}

// Changes of several processes at once are all kept.
func TestStoreTogether(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if _, err := NewStore(dir).AddToken("t"+itoa(i), Grant{Role: RoleView}, time.Time{}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if tokens, err := NewStore(dir).Tokens(); err != nil || len(tokens) != 20 {
		t.Errorf("%d tokens, %v", len(tokens), err)
	}
}

func TestBadFiles(t *testing.T) {
	hash := hashPassword("a long password")
	digest := digestOf("x").String()
	for name, tt := range map[string]struct{ text, want string }{
		"empty":         {``, "EOF"},
		"not JSON":      {`users:`, "invalid character"},
		"newer":         {`{"version":2,"users":[],"tokens":[]}`, "version 2"},
		"no version":    {`{"users":[]}`, "version 0"},
		"unknown field": {`{"version":1,"users":[{"name":"a","role":"view","only":["x"]}]}`, "unknown field"},
		"more":          {`{"version":1}{}`, "something follows"},
		"role": {`{"version":1,"users":[{"name":"a","id":"1","role":"admin","password":"` + hash +
			`"}]}`, "role"},
		"no hash": {
			`{"version":1,"users":[{"name":"a","id":"1","role":"view","password":"secret"}]}`,
			"users[0]: not a hash",
		},
		"costs": {`{"version":1,"users":[{"name":"a","id":"1","role":"view","password":"` +
			strings.Replace(hash, "m=19456", "m=99999999", 1) + `"}]}`, "out of range"},
		"no id": {
			`{"version":1,"users":[{"name":"a","role":"view","password":"` + hash + `"}]}`,
			"id is missing",
		},
		"token's digest": {`{"version":1,"tokens":[{"name":"a","role":"view","sha256":"x"}]}`, "sha256"},
		"tokens twice": {`{"version":1,"tokens":[{"name":"a","role":"view","sha256":"` + digest +
			`"},{"name":"a","role":"view","sha256":"` + digest + `"}]}`, "tokens[1]: the name is taken"},
	} {
		t.Run(name, func(t *testing.T) {
			s := NewStore(t.TempDir())
			if err := os.WriteFile(s.path(), []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := s.Users()
			if err == nil || !strings.Contains(err.Error(), tt.want) || errcode.Of(err) != errcode.AccessFile ||
				strings.Contains(err.Error(), "secret") {
				t.Errorf("%v, want %q", err, tt.want)
			}
			if err := s.RevokeToken("a"); errcode.Of(err) != errcode.AccessFile {
				t.Errorf("a change of it: %v", err)
			}
			if text, err := os.ReadFile(s.path()); err != nil || string(text) != tt.text {
				t.Errorf("it was changed to %q, %v", text, err)
			}
		})
	}
	s := NewStore(t.TempDir())
	if err := s.AddUser("anna", "a long password", Grant{Role: RoleView}); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o604, 0o660} {
		if err := os.Chmod(s.path(), mode); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Users(); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	if err := os.Chmod(s.path(), 0o600); err != nil {
		t.Fatal(err)
	}
	if all, err := s.Users(); err != nil || len(all) != 1 {
		t.Errorf("as it was: %v, %v", all, err)
	}
}

func TestPassword(t *testing.T) {
	one, other := hashPassword("a long password"), hashPassword("a long password")
	if one == other {
		t.Error("two hashes of a password are the same")
	}
	h, err := parseHash(one)
	if err != nil || !h.matches("a long password") || h.matches("a long passwore") || h.matches("") {
		t.Errorf("%s: %v", one, err)
	}
	if nobody.matches("") || nobody.matches("a long password") {
		t.Error("a password of nobody's is right")
	}
	for _, text := range []string{
		"", "$", "$argon2i$v=19$m=19456,t=2,p=1$" + strings.Repeat("A", 22) + "$" + strings.Repeat("A", 43),
		strings.Replace(one, "v=19", "v=16", 1), strings.Replace(one, "t=2", "t=0", 1),
		strings.Replace(one, "p=1", "p=0", 1),
		strings.Replace(one, "p=1", "p=1x", 1), strings.Replace(one, "p=1", "p=1000", 1), one + "A",
		one[:len(one)-1], one + "$",
	} {
		if _, err := parseHash(text); err == nil {
			t.Errorf("%q is taken for a hash", text)
		}
	}
}

// A certificate that is replaced is used from the next handshake on; one that is damaged is not.
func TestCertificate(t *testing.T) {
	one, other := certtest.SelfSigned(t, "localhost"), certtest.SelfSigned(t, "localhost")
	copyFile := func(from, to string) {
		t.Helper()
		text, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(to, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
		if _, err := LoadCertificate(cert, key, slog.New(slog.DiscardHandler)); errcode.Of(err) != errcode.AccessTLS {
			t.Errorf("missing files: %v", err)
		}
		copyFile(one.CertFile, cert)
		copyFile(one.KeyFile, key)
		var log strings.Builder
		c, err := LoadCertificate(cert, key, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		now := func() string {
			got, err := c.Config().GetCertificate(nil)
			if err != nil {
				t.Fatal(err)
			}
			return got.Leaf.SerialNumber.String()
		}
		first := now()
		copyFile(other.CertFile, cert) // the key is still the other's
		time.Sleep(2 * reloadEvery)
		for range 3 {
			if got := now(); got != first {
				t.Error("a certificate without its key is used")
			}
			time.Sleep(2 * reloadEvery)
		}
		if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
			t.Errorf("%d lines: %s", n, &log)
		}
		copyFile(other.KeyFile, key)
		time.Sleep(2 * reloadEvery)
		if now() == first {
			t.Error("the new certificate is not used")
		}
	})
}
