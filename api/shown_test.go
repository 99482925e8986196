package api

import (
	"strings"
	"testing"

	"vigil/api/access"
	"vigil/internal/errcode"
)

func TestWithoutPaths(t *testing.T) {
	for text, want := range map[string]string{
		"rtsp://***@10.0.0.7:554/AbCdEf?x=1": "rtsp://10.0.0.7:554",
		"opening rtsps://nvr:7441/AbCdEf: the server refuses (401)": "opening rtsps://nvr:7441: the server " +
			"refuses (401)",
		"moved from http://a/b/c to https://d/e, which is not followed": "moved from http://a to https://d, which is " +
			"not followed",
		"rtsp://10.0.0.7/":                   "rtsp://10.0.0.7",
		"rtsp://10.0.0.7":                    "rtsp://10.0.0.7",
		"rtsp://cam?AbCdEf":                  "rtsp://cam",
		"rtsp://u:p@cam#AbCdEf":              "rtsp://cam",
		"/srv/secret/yard.mkv":               "yard.mkv",
		"opening /srv/secret/yard.mkv: gone": "opening yard.mkv: gone",
		"no picture for 5s: a/b":             "no picture for 5s: a/b",
	} {
		if got := withoutPaths(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// The path of an address is for who may operate the camera.
func TestPathsOfAddresses(t *testing.T) {
	for _, tt := range []struct {
		login access.Grant
		whole bool
	}{{anonymous, false}, {access.Grant{Role: access.RoleView}, false}, {operator, true}} {
		h := open(t, &gates{
			revision:  1,
			noPicture: NoPicture{Err: errcode.CameraNoPicture.New("opening rtsp://user:***@camera/AbCdEf: refused")},
		}, tt.login)
		for path, status := range map[string]int{
			"/cameras": 200, "/cameras/gate": 200, "/status": 200, "/cameras/gate/snapshot": 409,
		} {
			w := ask(t, h, "GET", root+path, "")
			if w.Code != status || strings.Contains(w.Body.String(), "camera/AbCdEf") != tt.whole {
				t.Errorf("%s by %v: %d %s", path, tt.login, w.Code, w.Body)
			}
		}
	}
}
