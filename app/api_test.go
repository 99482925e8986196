//go:build linux && cgo && gocv_videoio

package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"vigil/api"
	failure "vigil/api/problem"
	"vigil/api/socket"
)

// apiClient asks the API of a running system at its socket.
type apiClient struct {
	*testing.T
	http http.Client
}

func (r *reloading) api() *apiClient {
	path, err := socket.Path(filepath.Join(r.dir, "data"))
	if err != nil {
		r.Fatal(err)
	}
	return &apiClient{r.T, http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}}}
}

// ask sends a request, and reads the answer into out unless its status is not the expected one.
func (c *apiClient) ask(method, path, body, match string, status int, out any) http.Header {
	c.Helper()
	req, err := http.NewRequestWithContext(c.Context(), method, "http://vigil/api/v1"+path, strings.NewReader(body))
	if err != nil {
		c.Fatal(err)
	}
	if match != "" {
		req.Header.Set("If-Match", match)
	}
	res, err := c.http.Do(req)
	if err != nil {
		c.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != status {
		var p failure.Problem
		_ = json.NewDecoder(res.Body).Decode(&p)
		c.Fatalf("%s %s: %s %+v", method, path, res.Status, p)
	}
	if err := json.NewDecoder(res.Body).Decode(out); err != nil {
		c.Fatalf("%s %s: %v", method, path, err)
	}
	return res.Header
}

// A camera is added, shown, changed and removed through the API of a running system.
func TestCamerasThroughAPI(t *testing.T) {
	r := startReloading(t, 1)
	c := r.api()
	settings := func(more string) string {
		return `{"name":"yard","source":"` + r.video + `","threshold":{"lo":0.1,"theta":0.5}` + more + `}`
	}
	var done api.Edited
	c.ask("POST", "/cameras?check=1", settings(""), "", http.StatusOK, &done)
	var p failure.Problem
	c.ask("GET", "/cameras/yard", "", "", http.StatusNotFound, &p)
	c.ask("POST", "/cameras", settings(`,"speed":3`), "", http.StatusUnprocessableEntity, &p)
	if !strings.Contains(p.Detail, "speed") || p.Code != "config.unknown_key" {
		t.Errorf("an unknown key: %+v", p)
	}
	first := c.ask("POST", "/cameras", settings(""), "", http.StatusCreated, &done).Get("ETag")
	if done.Effect != api.EffectAdded || first == "" {
		t.Errorf("added: %+v %q", done, first)
	}
	c.ask("PUT", "/cameras/yard", settings(`,"hop":4`), "", http.StatusPreconditionRequired, &p)
	second := c.ask("PUT", "/cameras/yard", settings(`,"hop":4`), first, http.StatusOK, &done).Get("ETag")
	c.ask("DELETE", "/cameras/yard", "", first, http.StatusPreconditionFailed, &p)
	var all api.CameraList
	c.ask("GET", "/cameras", "", "", http.StatusOK, &all)
	if len(all.Cameras) != 2 || all.Cameras[1].Name != "yard" || all.Cameras[1].Origin != api.OriginRuntime {
		t.Errorf("the list: %+v", all)
	}
	c.ask("PUT", "/cameras/c0", settings(""), first, http.StatusConflict, &p)
	c.ask("DELETE", "/cameras/yard", "", second, http.StatusOK, &done)
	c.ask("GET", "/cameras/yard", "", "", http.StatusNotFound, &p)
}

// Over the network a camera names no file and no device of this machine, and keeps those that it has; a stored password
// goes nowhere else.
func TestChangesOverNetwork(t *testing.T) {
	r := startReloading(t, 1)
	const address = "rtsp://user:hunter2hunter2@127.0.0.1:1/x"
	put := func(name, settings string, revision uint64, local bool) (api.Edited, error) {
		return r.PutCamera(t.Context(), name, api.Edit{
			Settings: []byte(settings), Revision: revision, Local: local, By: "token:x", Check: !local,
		})
	}
	files := fmt.Sprintf(`"source":%q,"model":%q,"threshold":{"lo":0.1,"theta":0.5}`, r.video, r.weights)
	made, err := put("yard", "{"+files+"}", 0, true)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := put("gate", fmt.Sprintf(`{"source":%q,"threshold":{"lo":0.1,"theta":0.5}}`, address), 0, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, settings string
		revision       uint64
		want           string // "" where it is permitted
	}{
		{"new", `{"source":"/etc/passwd"}`, 0, "source: is a device or a file"},
		{"new", `{"source":"/dev/video0"}`, 0, "source: is a device or a file"},
		{"new", `{"source":"device:0"}`, 0, "source: is a device or a file"},
		{"new", `{"source":"rtsp://127.0.0.1:1/x","model":"/etc/passwd"}`, 0, "model: is a file"},
		{"new", `{"source":"rtsp://127.0.0.1:1/x","calibration":"/root/x"}`, 0, "calibration: is a file"},
		{"new", `{"source":"rtsp://127.0.0.1:1/x","trust":"/root/x"}`, 0, "trust: is a file"},
		{"new", `{"source":"rtsp://127.0.0.1:1/x","trust":"any","threshold":{"lo":0.1,"theta":0.5}}`, 0, ""},
		{"yard", "{" + files + `,"hop":4}`, made.Revision, ""},
		{
			"yard", strings.Replace("{"+files+"}", r.video, "/etc/passwd", 1), made.Revision,
			"source: is a device or a file",
		},
		{"gate", `{"source":"rtsp://***@127.0.0.1:1/x","trust":"any"}`, secret.Revision, "trust: decides where"},
		{
			"gate", `{"source":"rtsp://***@127.0.0.1:1/x","follow":["evil.example"]}`, secret.Revision,
			"follow: decides where",
		},
	} {
		_, err := put(tt.name, tt.settings, tt.revision, false)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s %s: %v, want %q", tt.name, tt.settings, err, tt.want)
		}
	}
}
