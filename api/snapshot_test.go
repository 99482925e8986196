package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"vigil/api/access"
	"vigil/api/problem"
	"vigil/internal/errcode"
)

// taken is when the pictures of gates were taken, and paused since when gate is paused.
var (
	taken  = time.Date(2026, 1, 2, 3, 4, 5, 670e6, time.UTC)
	paused = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
)

func (g *gates) Snapshot(_ context.Context, camera string, heat bool) (Snapshot, error) {
	switch {
	case g.noPicture != nil:
		return Snapshot{}, g.noPicture
	case camera != "gate" && camera != "yard":
		return Snapshot{}, fmt.Errorf("camera %q: %w", camera, ErrNoCamera)
	}
	return Snapshot{JPEG: fmt.Appendf(nil, "%s %t", camera, heat), SHA256: fmt.Sprint(heat), Taken: taken}, nil
}

func TestSnapshot(t *testing.T) {
	g := &gates{revision: 1}
	pause := NoPicture{Err: errcode.CameraPaused.New("camera gate is paused"), Since: paused}
	stalled := NoPicture{Err: errcode.CameraNoPicture.New("camera gate is stalled"), Since: paused}
	for _, tt := range []struct {
		login  access.Grant
		path   string
		header []string
		fail   error
		status int
		want   string
	}{
		{anonymous, "gate/snapshot", nil, nil, 200, "gate false"},
		{anonymous, "gate/snapshot?heatmap=1", nil, nil, 200, "gate true"},
		{anonymous, "gate/snapshot?heatmap=true", nil, nil, 200, "gate true"},
		{viewsYard, "yard/snapshot", nil, nil, 200, "yard false"},
		{anonymous, "gate/snapshot", []string{"If-None-Match", `"false"`}, nil, 304, ""},
		{anonymous, "gate/snapshot?heatmap=1", []string{"If-None-Match", `"false"`}, nil, 200, "gate true"},
		// Within a second of it there may be another picture.
		{anonymous, "gate/snapshot", []string{"If-Modified-Since", taken.Format(http.TimeFormat)}, nil, 200, "gate"},
		{anonymous, "gate/snapshot?heatmap=red", nil, nil, 422, "query.heatmap"},
		{anonymous, "gate/snapshot?width=3", nil, nil, 422, "query.width"},
		{viewsYard, "gate/snapshot", nil, nil, 404, "camera.unknown"},
		{anonymous, "none/snapshot", nil, nil, 404, "camera.unknown"},
		{anonymous, "gate/snapshot", nil, pause, 409, `"since":"2026-01-01T00:00:00Z"`},
		{anonymous, "gate/snapshot", nil, pause, 409, "camera.paused"},
		{anonymous, "gate/snapshot", nil, stalled, 409, "camera.no_picture"},
		{anonymous, "gate/snapshot", nil, NoPicture{Err: errors.New("none")}, 409, "camera.no_snapshot"},
		{anonymous, "gate/snapshot", nil, errcode.CameraNoSnapshot.New("too many"), 503, "camera.no_snapshot"},
	} {
		g.noPicture = tt.fail
		w := ask(t, open(t, g, tt.login), "GET", camerasPath+"/"+tt.path, "", tt.header...)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("%s: %d %s", tt.path, w.Code, w.Body)
		}
		switch {
		case w.Code >= 400:
			var none NoPicture
			since := errors.As(tt.fail, &none) && !none.Since.IsZero()
			if p := read[problem.Problem](t, w); (p.Since != nil) != since {
				t.Errorf("%s: %s", tt.path, w.Body)
			}
		default:
			checkPictureHeaders(t, w)
		}
	}
}

func checkPictureHeaders(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "Picture-Taken": "2026-01-02T03:04:05.67Z",
		"Last-Modified": "Fri, 02 Jan 2026 03:04:05 GMT",
	} {
		if got := w.Header().Get(name); got != want && (name != "Last-Modified" || w.Code == http.StatusOK) {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if got := w.Header().Get("Content-Type"); w.Code == http.StatusOK && got != "image/jpeg" ||
		w.Header().Get("ETag") == "" {
		t.Errorf("%v", w.Header())
	}
}

func (g *gates) Models(context.Context) ([]Weights, error) {
	return []Weights{
		{Name: "base", Shipped: true},
		{Name: "gate-3", Cameras: []string{"gate"}},
		{Name: "street", Cameras: []string{"gate", "yard"}},
	}, nil
}

func (g *gates) Calibrations(context.Context) []Calibration {
	return []Calibration{{Camera: "gate", ID: "g1"}, {Camera: "yard", ID: "y1"}}
}

func (g *gates) Calibration(_ context.Context, camera string) (Calibration, error) {
	if camera == "gate" {
		return g.Calibrations(context.Background())[0], nil
	}
	return Calibration{}, errcode.CalibrationNone.New("camera yard has no calibration")
}

// A login that is limited to some cameras sees neither calibrations nor weights of others.
func TestModelsAndCalibrations(t *testing.T) {
	g := &gates{revision: 1}
	for _, tt := range []struct {
		login      access.Grant
		path       string
		status     int
		want, lack []string
	}{
		{anonymous, "/models", 200, []string{"base", "gate-3", `["gate","yard"]`}, []string{`"cameras":null`}},
		{viewsYard, "/models", 200, []string{"base", "street", `["yard"]`}, []string{`gate`}},
		{operateHall, "/models", 200, []string{"base", `"cameras":[]`}, []string{"street", "gate"}},
		{anonymous, "/calibrations", 200, []string{"g1", "y1"}, nil},
		{viewsYard, "/calibrations", 200, []string{"y1"}, []string{"g1"}},
		{operateHall, "/calibrations", 200, []string{`"calibrations":[]`}, []string{"g1", "y1"}},
		{anonymous, "/cameras/gate/calibration", 200, []string{"g1"}, nil},
		{anonymous, "/cameras/yard/calibration", 404, []string{"calibration.none"}, nil},
		{viewsYard, "/cameras/gate/calibration", 404, []string{"camera.unknown"}, []string{"g1"}},
	} {
		w := ask(t, open(t, g, tt.login), "GET", root+tt.path, "")
		text := w.Body.String()
		if w.Code != tt.status {
			t.Errorf("%v %s: %d %s", tt.login, tt.path, w.Code, text)
		}
		for _, want := range tt.want {
			if !strings.Contains(text, want) {
				t.Errorf("%v %s: no %s: %s", tt.login, tt.path, want, text)
			}
		}
		for _, lack := range tt.lack {
			if strings.Contains(text, lack) {
				t.Errorf("%v %s: has %s: %s", tt.login, tt.path, lack, text)
			}
		}
	}
}
