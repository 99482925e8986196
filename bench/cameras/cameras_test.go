//go:build linux && cgo && gocv_videoio

package cameras

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"vigil/capture/source"
	"vigil/pipeline"
	"vigil/pipeline/worker"
)

// Whatever a machine can do, the search ends, next to it.
func TestCameraSearch(t *testing.T) {
	for _, can := range []int{0, 1, 2, 7, 40, loadLimit, 10 * loadLimit} {
		for _, guess := range []int{1, 5, 60, loadLimit} {
			l, tries := Load{}, 0
			for n := guess; n != 0; n = l.next() {
				if n < 1 || n > loadLimit {
					t.Fatalf("%d cameras are tried", n)
				}
				if n <= can {
					l.Cameras = n
				} else {
					l.Skipped = n
				}
				tries++
			}
			want := min(can, loadLimit)
			if l.Cameras > want || want-l.Cameras > max(1, want/10) || tries > 30 {
				t.Errorf("of %d cameras, from %d, %d were found in %d tries", can, guess, l.Cameras, tries)
			}
		}
	}
}

// TestMain is also a camera's process.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == worker.Argument {
		os.Exit(worker.Main())
	}
	os.Exit(m.Run())
}

func openWorker(_ string, address source.Address, side int, media *pipeline.MediaBuffer) func(context.Context,
	pipeline.OpenRequest) (pipeline.PictureSource, error) {
	return func(ctx context.Context, _ pipeline.OpenRequest) (pipeline.PictureSource, error) {
		p, err := worker.Start(ctx, worker.Options{
			Address: address, OpenTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second, Side: side,
			Keep: 30 * time.Second, KeepBytes: 16 << 20, OnPreview: media.AddPreview,
		})
		if err != nil {
			return nil, err
		}
		return p, nil
	}
}

// Two cameras of a network of no size are watched, and the table shows where their work goes.
func TestBenchCameras(t *testing.T) {
	v, err := newLoadVideo(t.TempDir(), 640, 360, 10)
	if err != nil {
		t.Fatal(err)
	}
	defer v.close()
	if n := len(v.pictures); n != int(loadLength.Seconds()*10) {
		t.Errorf("%d pictures are told apart", n)
	}
	m, err := randomModel("micro", 1)
	if err != nil {
		t.Fatal(err)
	}
	cost, err := v.frameCost(t.Context(), 32, true)
	if err != nil || cost <= 0 || v.shrinkCost(32) <= 0 {
		t.Errorf("a frame costs %g s, %v", cost, err)
	}
	if _, err := v.watch(t.Context(), m, 2, Options{
		Period: 200 * time.Millisecond, Hop: 2, Keep: 30 * time.Second, Memory: 16 << 20,
		RetryMin: time.Second, RetryMax: time.Second, Open: openWorker,
	}); err != nil {
		t.Error(err)
	}
	var b bytes.Buffer
	if err := (Loads{
		{
			Preset: "small", Width: 1920, Height: 1080, FPS: 25, Hop: 2, Cameras: 3, Skipped: 4, Decode: 0.6,
			Shrink: 0.1,
			Model:  0.3,
		},
		{Preset: "paper", Width: 640, Height: 360, FPS: 10, Hop: 2, Cameras: 1, Model: 1},
	}).Print(&b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	if !strings.HasSuffix(lines[2], "| model |") || !strings.Contains(lines[2], "| 1 | – |") ||
		!strings.HasSuffix(lines[3], "| decode |") || !strings.Contains(lines[3], "| 3 | 4 | 60 % | 10 % |") {
		t.Errorf("the table is\n%s", b.String())
	}
}
