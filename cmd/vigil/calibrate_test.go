//go:build cgo && gocv_videoio

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vigil/internal/scene"
)

// A record is for one camera as it is: recordings that cannot all be of it are refused, and so is what would make no
// threshold. Nothing is written then.
func TestCalibrateRefuses(t *testing.T) {
	dir, weights := t.TempDir(), tinyWeights(t)
	record := filepath.Join(dir, "gate.json")
	video := func(name string, width, height int, fps float64) string {
		street, err := scene.New(scene.Config{Seed: 1, Width: width, Height: height, FPS: fps, Clean: true})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		encodeVideo(t, street, 120, path, "-c:v", "ffv1")
		return path
	}
	first, larger, faster := video("a.mkv", 48, 32, 10), video("larger.mkv", 64, 48, 10),
		video("faster.mkv", 48, 32, 15)
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{
			[]string{first, larger},
			exitFailed,
			"larger.mkv: pictures are 64x48, the first were 48x32: a calibration is for one picture size\n",
		},
		{
			[]string{first, faster},
			exitFailed,
			"faster.mkv: 15 frames a second, the first had 10: a calibration is for one frame rate; set --fps to one " +
				"that divides both\n",
		},
		{[]string{first, "--hop", "8"}, exitFailed, "14 clips are too few, at least 20 are needed"},
		{[]string{first, "--camera", ""}, exitUsage, "--camera: is missing"},
		{[]string{first, "-o", ""}, exitUsage, "-o: is missing; must be the file for the calibration"},
		{[]string{first, "-o", filepath.Join(dir, "no", "such.json")}, exitFailed, "no/such.json"},
		{[]string{first, "--lo-quantile", "0.9", "--theta-quantile", "0.5"}, exitUsage, "must be 0 <= lo < theta <= 1"},
		{[]string{first, "--margin", "-1"}, exitUsage, "--margin: is -1"},
		{[]string{first, "--for", "-1s"}, exitUsage, "--for: is -1s"},
		{[]string{"rtsp://10.0.0.7/a"}, exitUsage, "--for: is missing; must be how long rtsp://10.0.0.7/a"},
	} {
		args := append([]string{"calibrate", "-m", weights, "--camera", "gate", "--hop", "1", "-o", record}, c.args...)
		if code, _, errs := runVigil(t, args...); code != c.code || !strings.Contains(errs, c.want) ||
			strings.Contains(errs, "context canceled") {
			t.Errorf("%v: exit code %d, want %d and %q:\n%s", c.args, code, c.code, c.want, errs)
		}
		if _, err := os.Stat(record); err == nil {
			t.Fatalf("%v: a record was written", c.args)
		}
	}
	// Of one every second picture is taken then, of the other every third.
	mustRunVigil(t, "calibrate", first, faster, "-m", weights, "--camera", "gate", "--hop", "1", "--fps", "5",
		"-o", record)
}
