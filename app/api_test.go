//go:build linux && cgo && gocv_videoio

package app

import (
	"context"
	"encoding/json"
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
