//go:build cgo && gocv_videoio

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vigil/internal/scene"
	"vigil/internal/testenv"
	"vigil/pipeline/calibrate"
)

// encodeXvid writes frames of a street as Avenue and ShanghaiTech have their videos: MPEG-4 in an AVI.
func encodeXvid(t *testing.T, street *scene.Street, frames int, path string) {
	t.Helper()
	encodeVideo(t, street, frames, path, "-c:v", "mpeg4", "-vtag", "xvid", "-q:v", "2")
}

func encodeVideo(t *testing.T, street *scene.Street, frames int, path string, coding ...string) {
	t.Helper()
	ffmpeg := testenv.Tool(t, "ffmpeg")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	for i := range frames {
		raw.Write(street.Frame(i, nil))
	}
	width, height := street.Size()
	args := []string{
		"-y", "-v", "error", "-f", "rawvideo", "-pix_fmt", "bgr24", "-s", fmt.Sprintf("%dx%d", width, height), "-r",
		fmt.Sprint(street.FPS()), "-i", "pipe:0",
	}
	cmd := exec.CommandContext(t.Context(), ffmpeg, append(append(args, coding...), path)...)
	cmd.Stdin = &raw
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func smallStreet(t *testing.T, day uint64, fps float64) *scene.Street {
	t.Helper()
	s, err := scene.New(scene.Config{Seed: 1, Day: day, Width: 48, Height: 32, FPS: fps, Clean: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// writeNPY writes bytes as NumPy does.
func writeNPY(t *testing.T, path, kind, shape string, data []byte) {
	t.Helper()
	head := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", kind, shape)
	head += strings.Repeat(" ", 63-(10+len(head))%64) + "\n"
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	text := append([]byte{0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, byte(len(head)), byte(len(head) >> 8)}, head...)
	if err := os.WriteFile(path, append(text, data...), 0o600); err != nil {
		t.Fatal(err)
	}
}

// AVI videos with SciPy's volLabel, as Avenue is laid out, go the whole way to the figures.
func TestEvalReadsAvenue(t *testing.T) {
	root := t.TempDir()
	encodeXvid(t, smallStreet(t, 1, 25), 80, filepath.Join(root, "training_videos", "01.avi"))
	encodeXvid(t, smallStreet(t, 2, 25), 40, filepath.Join(root, "testing_videos", "01.avi"))
	fixture, err := filepath.Abs("../../eval/testdata/label-40.mat")
	if err != nil {
		t.Fatal(err)
	}
	symlink(t, fixture, filepath.Join(root, "ground_truth_demo", "testing_label_mask", "1_label.mat"))
	weights := tinyWeights(t)
	r := parseEval(t, mustRunVigil(t, "eval", root, "-m", weights, "--json", "--resamplings", "0"))
	if r.Paper.Frames != 25 || r.Live.Frames != 40 || r.Pixel == nil || r.Pixel.Frames != 25 ||
		r.Live.Threshold == nil || r.Live.Events.Truth != 1 {
		t.Errorf("%+v", r)
	}
	// The labels of another video.
	encodeXvid(t, smallStreet(t, 2, 25), 38, filepath.Join(root, "testing_videos", "01.avi"))
	code, _, errs := runVigil(t, "eval", root, "-m", weights)
	if code != exitFailed || !strings.Contains(errs, "01.avi: has 38 frames, but") ||
		!strings.Contains(errs, "1_label.mat has labels for 40") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

// JPEG frames with NumPy's masks, as ShanghaiTech is laid out: each camera has the threshold of its own normal video.
func TestEvalReadsShanghaiTech(t *testing.T) {
	root := t.TempDir()
	labels, masks := make([]byte, 40), make([]byte, 40*32*48)
	for i := 20; i < 40; i++ {
		labels[i], masks[(i*32+15)*48+20] = 1, 1
	}
	for i, name := range []string{"01_0014", "12_0142"} {
		street := smallStreet(t, uint64(3+i), 24)
		for f := range 40 {
			frame := street.Frame(f, nil)
			img := image.NewRGBA(image.Rect(0, 0, 48, 32))
			for p := range 48 * 32 {
				img.Set(p%48, p/48, color.RGBA{frame[3*p+2], frame[3*p+1], frame[3*p], 255})
			}
			var out bytes.Buffer
			if err := jpeg.Encode(&out, img, nil); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(root, "testing", "frames", name, fmt.Sprintf("%03d.jpg", f))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		writeNPY(t, filepath.Join(root, "testing", "test_frame_mask", name+".npy"), "|i1", "40,", labels)
		writeNPY(t, filepath.Join(root, "testing", "test_pixel_mask", name+".npy"), "|b1", "40, 32, 48", masks)
		encodeXvid(t, smallStreet(t, uint64(5+i), 24), 80, filepath.Join(root, "training", "videos", name[:2]+
			"_001.avi"))
	}
	weights := tinyWeights(t)
	r := parseEval(t, mustRunVigil(t, "eval", root, "-m", weights, "--json", "--resamplings", "0"))
	if r.Paper.Frames != 50 || r.Live.Frames != 80 || r.Pixel == nil || r.Pixel.Videos != 2 || r.Live.Threshold == nil {
		t.Fatalf("%+v", r)
	}
	for i, c := range r.Live.Threshold.Cameras {
		var own calibrate.Calibration
		out := mustRunVigil(t, "calibrate", filepath.Join(root, "training", "videos", c.Camera+"_001.avi"),
			"-m", weights,
			"--camera", c.Camera,
			"-o", filepath.Join(t.TempDir(), "c.json"), "--json")
		if err := json.Unmarshal([]byte(out), &own); err != nil {
			t.Fatal(err)
		}
		if c.Camera != []string{"01", "12"}[i] || c.Lo != own.Lo || c.Theta != own.Theta {
			t.Errorf("camera %s: lo %g, theta %g; its normal video alone has %g, %g", c.Camera, c.Lo, c.Theta,
				own.Lo, own.Theta)
		}
	}
}

// A record that 'vigil calibrate' wrote gives the live protocol its threshold, hop and sensitivity map, and is refused
// where it does not fit.
func TestEvalTakesACalibration(t *testing.T) {
	dir := t.TempDir()
	street := func(day uint64, width, height int, script ...scene.Moment) *scene.Street {
		s, err := scene.New(scene.Config{
			Seed: 1, Day: day, Width: width, Height: height, Clean: true, Screen: true,
			Script: script,
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	normal, record := filepath.Join(dir, "normal.mkv"), filepath.Join(dir, "c.json")
	encodeVideo(t, street(1, 128, 96), 1500, normal, "-c:v", "ffv1")
	mustRunVigil(t, "calibrate", normal, "-m", streetWeights, "--camera", "gate", "--hop", "4",
		"--theta-quantile", "0.995", "-o", record)
	own, err := calibrate.Read(record)
	if err != nil {
		t.Fatal(err)
	}
	if share, most := own.Sensitivity.Coverage(); share == 0 || most < 2 {
		t.Fatalf("%g of the picture are noisy cells, divided by %g: the screen has no effect", share, most)
	}
	set := func(width, height int) string {
		root := t.TempDir()
		s := street(2, width, height, scene.Moment{Kind: scene.Cart, At: 10 * time.Second})
		const frames = 300
		if err := os.MkdirAll(filepath.Join(root, "test"), 0o755); err != nil {
			t.Fatal(err)
		}
		encodeVideo(t, s, frames, filepath.Join(root, "test", "a.mkv"), "-c:v", "ffv1")
		labels := "frame,label\n"
		for i := range frames {
			on := 0
			for _, e := range s.Episodes(frames) {
				if e.FirstFrame <= i && i <= e.LastFrame {
					on = 1
				}
			}
			labels += fmt.Sprintf("%d,%d\n", i, on)
		}
		if err := os.MkdirAll(filepath.Join(root, "labels"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, "labels", "a.csv"), []byte(labels), 0o600); err != nil {
			t.Fatal(err)
		}
		return root
	}
	root, report := set(128, 96), filepath.Join(dir, "report")
	r := parseEval(t, mustRunVigil(t, "eval", root, "-m", streetWeights, "--calibration",
		record, "--json",
		"--resamplings", "0", "--report", report))
	c := r.Live.Threshold.Cameras[0]
	if c.Lo != own.Lo || c.Theta != own.Theta || r.Live.Hop != 4 {
		t.Errorf("lo %g, theta %g, hop %d; the record has %g, %g and 4", c.Lo, c.Theta, r.Live.Hop, own.Lo, own.Theta)
	}
	// Were the screen not held down, every frame would be above the threshold.
	if r.Live.Threshold.FPR > 0.3 || r.Live.Threshold.TPR < 0.5 || r.Live.Events.Found != 1 {
		t.Errorf("%+v of the frames, %+v", r.Live.Threshold, r.Live.Events)
	}
	// Given scores are compared with its threshold too.
	given := parseEval(t, mustRunVigil(t, "eval", root, "--scores", filepath.Join(report, "scores.csv"),
		"--calibration",
		record, "--json", "--resamplings", "0"))
	if g := given.Live.Threshold; g == nil || g.Cameras[0] != c || g.FPR > 0.3 || g.TPR < 0.5 {
		t.Errorf("given back: %+v", g)
	}
	for want, args := range map[string][]string{
		"hop is 2, calibrated for 4":                      {root, "-m", streetWeights, "--hop", "2"},
		"model hash is ":                                  {root, "-m", tinyWeights(t)},
		"picture size is 64x48, calibrated for 128x96":    {set(64, 48), "-m", streetWeights},
		"c.json: calibration " + own.ID + " does not fit": {root, "-m", tinyWeights(t)},
	} {
		if code, _, errs := runVigil(t, append(append([]string{"eval"}, args...), "--calibration",
			record)...); code == exitDone || !strings.Contains(errs, want) {
			t.Errorf("exit code %d, want %q:\n%s", code, want, errs)
		}
	}
}

// streetWeights know the street that the demo draws.
const streetWeights = "../../weights/street.safetensors"
