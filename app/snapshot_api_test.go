//go:build linux && cgo && gocv_videoio

package app

import (
	"bytes"
	"image"
	"image/jpeg"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/api"
	failure "vigil/api/problem"
	"vigil/internal/rtsptest"
	"vigil/pipeline/calibrate"
	"vigil/weights"
)

// picture asks for a picture and decodes it.
func (c *apiClient) picture(path string) (image.Image, http.Header) {
	c.Helper()
	req, err := http.NewRequestWithContext(c.Context(), http.MethodGet, "http://vigil/api/v1"+path, http.NoBody)
	if err != nil {
		c.Fatal(err)
	}
	res, err := c.http.Do(req)
	if err != nil {
		c.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "image/jpeg" {
		c.Fatalf("%s: %s %v %.300s", path, res.Status, err, text)
	}
	img, err := jpeg.Decode(bytes.NewReader(text))
	if err != nil {
		c.Fatalf("%s: %v", path, err)
	}
	return img, res.Header
}

// brightness is the mean of the pixels of a part of a picture, of 255.
func brightness(img image.Image, part image.Rectangle) (red, green float64) {
	n := 0.0
	for y := part.Min.Y; y < part.Max.Y; y++ {
		for x := part.Min.X; x < part.Max.X; x++ {
			r, g, _, _ := img.At(x, y).RGBA()
			red, green, n = red+float64(r>>8), green+float64(g>>8), n+1
		}
	}
	return red / n, green / n
}

// A recording and a live camera give pictures with and without a heat map; their masks are black. A camera without
// pictures says since when.
func TestSnapshotsThroughAPI(t *testing.T) {
	const masked = ", mask: [[[0, 0], [0.5, 0], [0.5, 1], [0, 1]]], read_timeout: 2s"
	server := rtsptest.Start(t, rtsptest.Options{
		Launch: "( videotestsrc is-live=true pattern=smpte ! video/x-raw,width=640,height=360,framerate=25/1 ! " +
			"x264enc tune=zerolatency speed-preset=ultrafast key-int-max=25 ! rtph264pay name=pay0 pt=96 )",
	})
	r := startReloading(t, 3, func(r *reloading) map[string]string {
		r.sources = map[string]string{"c1": server.URL()}
		return map[string]string{"c0": masked, "c1": masked}
	})
	c := r.api()
	gives := func(name string) bool {
		all := r.watched()
		i := slices.IndexFunc(all, func(c watched) bool { return c.config.Name == name })
		return r.noPicture(name, all[i].camera.Media, true, true) == nil
	}
	size := map[string]image.Point{"c0": {X: 64, Y: 48}, "c1": {X: 640, Y: 360}, "c2": {X: 64, Y: 48}}
	for _, name := range []string{"c0", "c1", "c2"} {
		for _, query := range []string{"", "?heatmap=1"} {
			r.until("a live camera", func() bool { return gives(name) })
			img, h := c.picture("/cameras/" + name + "/snapshot" + query)
			at, err := time.Parse(time.RFC3339Nano, h.Get("Picture-Taken"))
			if ago := time.Since(at); err != nil || ago < 0 || ago > time.Minute {
				t.Errorf("%s%s: taken %v ago, %v", name, query, ago, err)
			}
			b := img.Bounds()
			if want := size[name]; b.Size() != want {
				t.Errorf("%s%s: %v", name, query, b)
			}
			left, right := b, b
			left.Max.X, right.Min.X = b.Dx()/2-8, b.Dx()/2+8
			leftRed, leftGreen := brightness(img, left)
			red, green := brightness(img, right)
			if isBlack := leftRed+leftGreen < 8; isBlack != (name != "c2") {
				t.Errorf("%s%s: the left side is %.1f, %.1f", name, query, leftRed, leftGreen)
			}
			if red+green < 60 {
				t.Errorf("%s%s: the right side is %.1f, %.1f", name, query, red, green)
			}
		}
	}
	var p failure.Problem
	c.ask("GET", "/cameras/none/snapshot", "", "", http.StatusNotFound, &p)
	server.Pause()
	r.until("a stalled camera", func() bool {
		one, err := r.Camera(t.Context(), "c1")
		return err == nil && one.State == alerts.StateStalled
	})
	c.ask("GET", "/cameras/c1/snapshot", "", "", http.StatusConflict, &p)
	if p.Code != "camera.no_picture" || p.Since == nil || time.Since(*p.Since) < 500*time.Millisecond ||
		!strings.Contains(p.Detail, "stalled") {
		t.Errorf("stalled: %+v", p)
	}
	server.Resume()
	if _, err := r.Switch(t.Context(), "c1", alerts.SwitchChange{Action: alerts.ActionPause}, "cli"); err != nil {
		t.Fatal(err)
	}
	c.ask("GET", "/cameras/c1/snapshot?heatmap=1", "", "", http.StatusConflict, &p)
	if p.Code != "camera.paused" || p.Since == nil || time.Since(*p.Since) > time.Minute {
		t.Errorf("paused: %+v", p)
	}
	if _, err := r.Switch(t.Context(), "c1", alerts.SwitchChange{Action: alerts.ActionResume}, "cli"); err != nil {
		t.Fatal(err)
	}
	r.until("a resumed camera", func() bool { return gives("c1") })
	c.picture("/cameras/c1/snapshot")
}

// The weights and calibrations of a running system, also one that does not fit.
func TestCalibrationsThroughAPI(t *testing.T) {
	r := startReloading(t, 3, func(r *reloading) map[string]string {
		r.calibrate("c0", 0.2)
		r.calibrate("c1", 0.2)
		return map[string]string{
			"c0": ", calibration: c0.json", "c1": ", calibration: c1.json, mask: [[[0, 0], [0.2, 0], [0, 0.2]]]",
		}
	})
	c := r.api()
	cal, err := calibrate.Read(r.path("c0.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list api.CalibrationList
	c.ask("GET", "/calibrations", "", "", http.StatusOK, &list)
	if len(list.Calibrations) != 2 || list.Calibrations[0].Camera != "c0" || list.Calibrations[1].Camera != "c1" {
		t.Fatalf("%+v", list)
	}
	good, bad := list.Calibrations[0], list.Calibrations[1]
	if m := good.Measures[0]; !good.Fits || good.Reason != "" || good.ID != cal.ID || m.Lo != cal.Lo ||
		m.Theta != cal.Theta || m.ThetaNow != cal.Theta || m.Measure != "mean" || good.Width != 64 ||
		good.NormalMinutes != cal.Seconds/60 || good.AlarmsPerDay != 1 || good.Adapted == nil {
		t.Errorf("%+v", good)
	}
	if bad.Fits || !strings.Contains(bad.Reason, "mask is") || strings.Contains(bad.Reason, r.dir) ||
		bad.Adapted != nil {
		t.Errorf("%+v", bad)
	}
	var one api.Calibration
	c.ask("GET", "/cameras/c1/calibration", "", "", http.StatusOK, &one)
	if one.ID != bad.ID {
		t.Errorf("%+v", one)
	}
	var p failure.Problem
	c.ask("GET", "/cameras/c2/calibration", "", "", http.StatusNotFound, &p)
	if p.Code != "calibration.none" || !strings.Contains(p.Detail, "theta 0.5") {
		t.Errorf("%+v", p)
	}
	var models api.ModelList
	c.ask("GET", "/models", "", "", http.StatusOK, &models)
	names := map[string]api.Weights{}
	for _, m := range models.Models {
		names[m.Name] = m
	}
	if len(models.Models) != len(weights.Names())+1 || !names["base"].Shipped || !names["base-street"].Shipped ||
		names["base"].Side == 0 || len(names["base"].SHA256) != 64 {
		t.Errorf("%+v", models)
	}
	if zero := names["zero"]; !slices.Equal(zero.Cameras, []string{"c0", "c1", "c2"}) || zero.Side != 16 ||
		zero.Shipped || !slices.Equal(zero.Measures, []string{"mean"}) || zero.SHA256 != good.ModelSHA256 {
		t.Errorf("%+v", zero)
	}
}
