package source

import "testing"

func mustParse(t *testing.T, s string) Address {
	t.Helper()
	a, err := ParseAddress(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestURL(t *testing.T) {
	for in, want := range map[string]URL{
		"rtsps://cam/s":                      {"rtsps", "", "cam", "322", "/s"},
		"RTSP://u:p@ss@cam:8554/s?x=a%40b:c": {"rtsp", "u:p@ss@", "cam", "8554", "/s?x=a%40b:c"},
		"https://[fe80::1%25eth0]?a":         {"https", "", "fe80::1%eth0", "443", "?a"},
		"https://u@[::1]:99":                 {"https", "u@", "::1", "99", ""},
	} {
		if got := mustParse(t, in).URL(); got != want {
			t.Errorf("%s: %+v, want %+v", in, got, want)
		}
	}
}
