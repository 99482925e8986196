package capture

import (
	"errors"
	"strings"
	"testing"
)

func TestChallenges(t *testing.T) {
	tests := []struct {
		name    string
		headers []string
		want    string // schemes in the error; empty if one is supported
	}{
		{"none", nil, ""},
		{"basic", []string{`Basic realm="x"`}, ""},
		{"in other letters", []string{`BASIC realm="x"`}, ""},
		{"digest", []string{`Digest realm="IP Camera(1, 2)", nonce="abc=="`}, ""},
		{"digest with MD5", []string{`Digest realm="x", nonce="y", algorithm=MD5, qop="auth,auth-int"`}, ""},
		{
			"digest with SHA-256",
			[]string{`Digest realm="x", qop="auth", algorithm=SHA-256, nonce="y"`},
			"Digest with SHA-256",
		},
		{"digest with SHA-256 and MD5", []string{
			`Digest realm="x", algorithm=SHA-256, nonce="y"`,
			`Digest realm="x", algorithm="MD5", nonce="y"`,
		}, ""},
		{"digest with a signed body", []string{`Digest realm="x", nonce="y", qop="auth-int"`}, "Digest"},
		{"NTLM", []string{"NTLM", "Negotiate"}, "NTLM or Negotiate"},
		{"NTLM and basic in one", []string{`NTLM, Basic realm="x"`}, ""},
		{
			"two in one",
			[]string{`Digest realm="a, Basic", algorithm=SHA-512-256, nonce="y", Bearer realm="x"`},
			"Digest with SHA-512-256 or Bearer",
		},
		{"a token", []string{"Negotiate YIIJ="}, "Negotiate"},
		{"noise", []string{`"`, "=", ",,,", "\x00\xff"}, ""},
	}
	for _, tt := range tests {
		err := explainChallenges(tt.headers)
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.want != "" && (!errors.Is(err, ErrRefused) ||
			!strings.Contains(err.Error(), "requires authentication by "+tt.want+", which vigil does not support")):
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}
