package source

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

func TestScrub(t *testing.T) {
	tests := []struct{ address, text, want string }{
		{"rtsp://viewer:geheim@host/s", "no route to viewer:geheim@host", "no route to ***t"},
		{"rtsp://viewer:ge%40heim@host/s", "password ge@heim is wrong for viewer", "password *** is wrong for ***"},
		{"rtsp://user:p@ss@host/s", "ss@host p@ss", "***t ***"},
		{"rtsp://:pw@host/s", "pw is wrong", "*** (the text is not shown: it may hold the password)"},
		{"rtsp://:pw@host/s", "no route to host", "no route to host"},
		{"http://host/x?password=geheim&channel=1", "GET /x?password=geheim&channel=1", "GET /x?passw***nnel=1"},
		{"rtsp://host/user=admin_password=geheim", "no such path user=admin_password=geheim", "no such path ***"},
		{"rtsp://host/stream", "no such stream", "no such stream"},
		{"a@b.mkv", "a file", "a file"},
		{"device:0", "device 0", "device 0"},
	}
	for _, tt := range tests {
		a, err := ParseAddress(tt.address)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.Scrub(tt.text); got != tt.want {
			t.Errorf("%s: %q becomes %q, want %q", tt.address, tt.text, got, tt.want)
		}
	}
}

// FuzzScrub puts a password into an address and searches for it in a scrubbed text that contains it raw, unescaped, or
// within the address.
func FuzzScrub(f *testing.F) {
	for _, s := range []string{"geheimnis", "p@ss", "%40", "%", "%zz", "a:b", "x&y=z", "тайна", "***", "", "\\"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		secret := s + "XYZZY" + s
		for _, shape := range []string{
			"rtsp://user:%s@host/stream", "rtsp://:%s@host", "rtsp://%s@host:554/a", "http://host/x?password=%s",
			"http://host/x?token=%s&channel=1",
			"rtsp://host/user=admin_password=%s",
		} {
			raw := fmt.Sprintf(shape, secret)
			a, err := ParseAddress(raw)
			if err != nil {
				continue
			}
			for _, text := range []string{
				raw, "wrong: " + secret + "!", unescaped(secret),
				strings.TrimPrefix(raw, "rtsp://"),
			} {
				if shown := a.Scrub(text); strings.Contains(shown, "XYZZY") {
					t.Errorf("%q shows the secret of %q: %q", text, raw, shown)
				}
			}
		}
	})
}

func unescaped(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}
