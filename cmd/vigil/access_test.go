//go:build cgo && gocv_videoio

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Users and tokens are added, listed and removed; secrets are shown once and nowhere else.
func TestUsersAndTokens(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	passwords := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(passwords, []byte("a long password\r\nanother line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	withInput := func(args ...string) (int, string, string) {
		t.Helper()
		in, err := os.Open(passwords)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		before := os.Stdin
		os.Stdin = in
		defer func() { os.Stdin = before }()
		return runVigil(t, append(args, "--data-dir", dir)...)
	}
	if code, out, errs := withInput("user", "add", "anna", "--camera", "gate,yard"); code != exitDone ||
		out != "anna: added\n" {
		t.Fatalf("%d %q %q", code, out, errs)
	}
	code, out, errs := runVigil(t, "token", "add", "ha", "--role", "operate", "--expires", "90d", "--data-dir", dir)
	token := strings.TrimSuffix(out, "\n")
	if code != exitDone || !strings.HasPrefix(token, "vigil_") || strings.ContainsAny(token, " \n") {
		t.Fatalf("%d %q %q", code, out, errs)
	}
	for _, tt := range []struct {
		args string
		code int
		want string // in the output or the error
	}{
		{"user list", exitDone, "anna  view  gate,yard"},
		{"user list --json", exitDone, `"cameras": [`},
		{"token list", exitDone, "ha     operate  all"},
		{"token list --json", exitDone, `"expires": "`},
		{"token add ha", exitUsage, "there is a token ha already"},
		{"token add other --role admin", exitUsage, "the role must be view or operate"},
		{"token add other --camera Gate", exitUsage, "a camera's name has"},
		{"token add other --expires 90", exitUsage, "--expires"},
		{"token add other --expires -1h", exitUsage, "--expires"},
		{"token add other --expires 5000d", exitUsage, "--expires"},
		{"token revoke other", exitUsage, "access.name"},
		{"user remove otto", exitUsage, `there is no user "otto"`},
		{"user remove", exitUsage, "accepts 1 arg"},
		{"token revoke ha", exitDone, "ha: revoked"},
		{"token list", exitDone, "TOKEN"},
		{"user remove anna", exitDone, "anna: removed"},
	} {
		code, out, errs := runVigil(t, append(strings.Fields(tt.args), "--data-dir", dir)...)
		if code != tt.code || !strings.Contains(out+errs, tt.want) {
			t.Errorf("%s: %d %q %q, want %q", tt.args, code, out, errs, tt.want)
		}
		if strings.Contains(out+errs, token) || strings.Contains(out+errs, "argon2") ||
			strings.Contains(out+errs, "sha256") {
			t.Errorf("%s shows a secret: %q %q", tt.args, out, errs)
		}
	}
	if code, _, errs := runVigil(t, "user", "add", "otto", "--data-dir", dir); code != exitUsage ||
		!strings.Contains(errs, "fewer than 10 characters") {
		t.Errorf("without a password: %d %q", code, errs)
	}
	var made struct{ Name, Token string }
	_, out, _ = runVigil(t, "token", "add", "x", "--json", "--data-dir", dir)
	if err := json.Unmarshal([]byte(out), &made); err != nil || made.Name != "x" || len(made.Token) < 50 {
		t.Errorf("%q: %v", out, err)
	}
}

func TestExpiry(t *testing.T) {
	now := time.Now()
	for text, want := range map[string]time.Duration{
		"12h": 12 * time.Hour, "90d": 90 * 24 * time.Hour,
		"1m": time.Minute,
	} {
		if at, err := expiry(text, now); err != nil || at.Sub(now) != want {
			t.Errorf("%s: %v, %v", text, at, err)
		}
	}
	if at, err := expiry("", now); err != nil || !at.IsZero() {
		t.Errorf("never: %v, %v", at, err)
	}
}
