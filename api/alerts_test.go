package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/api/access"
	"vigil/internal/errcode"
)

// clip is the contents of a clip.
const clip = "0123456789"

// ids are the alerts of gates, the newest first; the second is of yard, the others of gate.
var ids = []string{"01J00000000000000000000003", "01J00000000000000000000002", "01J00000000000000000000001"}

func stored(i int) StoredAlert {
	camera := "gate"
	if i == 1 {
		camera = "yard"
	}
	sum := sha256.Sum256([]byte(clip))
	return StoredAlert{
		Alert: AlertData(fmt.Sprintf(`{"alert_id":%q,"camera":%q,"later_field":1}`, ids[i], camera)),
		Decoded: alerts.Alert{
			ID: ids[i], Camera: camera, Start: alerts.Moment{Wall: time.Date(2026, 1, 3-i, 0, 0, 0, 0, time.UTC)},
		},
		Evidence: []EvidenceFile{{
			MediaType: "video/mp4", Bytes: uint64(len(clip)), SHA256: hex.EncodeToString(sum[:]),
			Bucket: "B", Name: ids[i] + "/clip-1.mp4",
		}},
	}
}

func (g *gates) Alerts(_ context.Context, q AlertQuery) (all []StoredAlert, _ error) {
	for i := range ids {
		a := stored(i)
		at := a.Decoded.Start.Wall
		if (q.Camera == "" || q.Camera == a.Decoded.Camera) && q.Sees(a.Decoded.Camera) && !at.Before(q.From) &&
			(q.To.IsZero() || at.Before(q.To)) && (q.Before.ID == "" || at.Before(q.Before.Start)) &&
			len(all) < q.Limit {
			all = append(all, a)
		}
	}
	return all, nil
}

func (g *gates) Alert(_ context.Context, id string) (StoredAlert, error) {
	if i := slices.Index(ids, id); i >= 0 {
		return stored(i), nil
	}
	return StoredAlert{}, errcode.StoreNoAlert.New("no such alert")
}

func (g *gates) Acknowledge(_ context.Context, id, by string, normal bool) (alerts.Ack, error) {
	g.acked = by
	return alerts.Ack{AlertID: id, Camera: "gate", By: by, Normal: normal}, nil
}

func (g *gates) Evidence(_ context.Context, id string, e EvidenceFile) ([]byte, error) {
	if e.Bucket != "B" || e.Name != id+"/clip-1.mp4" {
		return nil, errcode.EvidenceMissing.New("no such object")
	}
	return []byte(clip), nil
}

func (g *gates) Health(context.Context) Health {
	return Health{Alive: true, Reasons: []HealthItem{
		{Kind: "camera", Name: "gate", State: "stalled"},
		{Kind: "camera", Name: "yard", State: "stalled"},
		{Kind: "sink", Name: "mqtt", State: "disconnected"},
	}}
}

func (g *gates) Config(context.Context) (ConfigInForce, error) {
	return ConfigInForce{State: &Config{Error: "quoted", NeedRestart: []string{}}, YAML: "threads: 1\n"}, nil
}

func (g *gates) CheckConfig(context.Context) (ConfigCheck, error) {
	return ConfigCheck{Valid: true, NeedRestart: []string{}}, nil
}

func TestListsAlerts(t *testing.T) {
	h := open(t, &gates{revision: 1}, anonymous)
	limited := open(t, &gates{revision: 1}, access.Grant{Role: access.RoleView, Cameras: []string{"gate"}})
	for _, tt := range []struct {
		h     http.Handler
		query string
		want  []string
	}{
		{h, "", ids},
		{h, "?camera=yard", ids[1:2]},
		{h, "?from=2026-01-02T00:00:00Z", ids[:2]},
		{h, "?to=2026-01-02T00:00:00Z", ids[2:]},
		{h, "?limit=1", ids},
		{h, "?limit=2", ids},
		{limited, "?limit=1", []string{ids[0], ids[2]}},
	} {
		var got []string
		for next := tt.query; ; {
			page := read[AlertList](t, ask(t, tt.h, "GET", alertsPath+next, ""))
			for _, a := range page.Alerts {
				if !strings.Contains(string(a.Alert), `"later_field":1`) {
					t.Errorf("a field of a later version is lost: %s", a.Alert)
				}
				got = append(got, string(a.Alert)[13:39])
			}
			if page.Next == "" {
				break
			}
			next = tt.query + "&cursor=" + page.Next
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.query, got, tt.want)
		}
	}
	for query, status := range map[string]int{
		"?from=soon": 422, "?camera=%2e%2e": 422, "?limit=1001": 422,
		"?x=1": 422,
	} {
		if w := ask(t, h, "GET", alertsPath+query, ""); w.Code != status {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
	if w := ask(t, limited, "GET", alertsPath+"?camera=yard", ""); w.Code != http.StatusNotFound {
		t.Errorf("of a hidden camera: %d %s", w.Code, w.Body)
	}
}

func TestAlert(t *testing.T) {
	g := &gates{revision: 1}
	h := open(t, g, operator)
	limited := open(t, g, operateHall)
	path := alertsPath + "/" + ids[0]
	a := read[StoredAlert](t, ask(t, h, "GET", path, ""))
	if len(a.Evidence) != 1 || a.Evidence[0].Path != path+"/evidence/clip-1.mp4" {
		t.Fatalf("%+v", a)
	}
	for _, tt := range []struct {
		h                  http.Handler
		method, path, body string
		headers            []string
		status             int
		want               string
	}{
		{h, "GET", a.Evidence[0].Path, "", nil, 200, clip},
		{h, "GET", a.Evidence[0].Path, "", []string{"Range", "bytes=2-4"}, 206, "234"},
		{h, "GET", a.Evidence[0].Path, "", []string{"Range", "bytes=20-"}, 416, ""},
		{h, "GET", a.Evidence[0].Path, "", []string{"If-None-Match", `"` + a.Evidence[0].SHA256 + `"`}, 304, ""},
		{h, "GET", path + "/evidence/clip-2.mp4", "", nil, 404, "request.not_found"},
		{h, "GET", path + "/evidence/..%2f" + ids[1] + "%2fclip-1.mp4", "", nil, 404, "request.not_found"},
		{h, "GET", alertsPath + "/" + strings.ToLower(ids[0]), "", nil, 422, "path.id"},
		{h, "GET", alertsPath + "/01J0000000000000000000000Z", "", nil, 404, "store.no_alert"},
		{h, "POST", path + "/ack", `{"normal":true}`, nil, 200, `"by":"token:test"`},
		{h, "POST", path + "/ack", `{"by":"ada"}`, nil, 200, `"by":"ada (token:test)"`},
		{h, "POST", path + "/ack", `{"bye":"ada"}`, nil, 422, "body.bye"},
		{h, "POST", path + "/ack", `{"by":"a\r\nX: y"}`, nil, 422, "body.by"},
		{limited, "GET", path, "", nil, 404, "request.not_found"},
		{limited, "GET", a.Evidence[0].Path, "", nil, 404, "request.not_found"},
		{limited, "POST", path + "/ack", "{}", nil, 404, "request.not_found"},
		{open(t, g, viewsYard), "POST", alertsPath + "/" + ids[1] + "/ack", "{}", nil, 403, "access.denied"},
	} {
		w := ask(t, tt.h, tt.method, tt.path, tt.body, tt.headers...)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("%s %s %s: %d %s", tt.method, tt.path, tt.body, w.Code, w.Body)
		}
	}
	if g.acked != "ada (token:test)" {
		t.Errorf("acknowledged by %q", g.acked)
	}
}

// What is not valid in the configuration file is quoted only to a login that may change things, and a login that is
// limited to some cameras sees neither the configuration nor the state of others.
func TestReports(t *testing.T) {
	g := &gates{revision: 1}
	for _, tt := range []struct {
		access       access.Grant
		method, path string
		status       int
		want, not    string
	}{
		{operator, "GET", "/config", 200, "quoted", ""},
		{anonymous, "GET", "/config", 401, "access.login", "threads"},
		{viewsYard, "GET", "/config", 403, "access.denied", "threads"},
		{operator, "POST", "/config/check", 200, `"valid":true`, ""},
		{anonymous, "POST", "/config/check", 401, "access.login", ""},
		{viewsYard, "POST", "/config/check", 403, "access.denied", ""},
		{operator, "GET", "/health", 200, "mqtt", ""},
		{viewsYard, "GET", "/health", 200, "yard", "gate"},
		{viewsYard, "GET", "/health", 200, `"info":[]`, "mqtt"},
		{operator, "GET", "/errors/camera.unknown", 200, "remedy", ""},
		{operator, "GET", "/errors/none", 404, "request.not_found", ""},
		{operator, "GET", "/errors", 200, "camera.unknown", ""},
	} {
		w := ask(t, open(t, g, tt.access), tt.method, root+tt.path, "")
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) ||
			tt.not != "" && strings.Contains(w.Body.String(), tt.not) {
			t.Errorf("%v: %s %s: %d %s", tt.access, tt.method, tt.path, w.Code, w.Body)
		}
	}
}
