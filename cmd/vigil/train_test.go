//go:build cgo && gocv_videoio

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vigil/capture"
	"vigil/model"
	"vigil/model/train"
	"vigil/video"
)

// drawVideo writes a video of w x h pixels in which a light square walks to and fro.
func drawVideo(t *testing.T, path string, w, h, frames int) {
	t.Helper()
	writer, err := capture.CreateVideo(path, 10, w, h, "MJPG")
	if err != nil {
		t.Fatal(err)
	}
	f := video.Frame{Width: w, Height: h, Channels: 3, Pix: make([]byte, w*h*3)}
	for n := range frames {
		for i := range w * h {
			grey := byte(60 + i/w)
			if dx := (i%w + 100*w - n) % w; dx < w/4 && i/w > h/3 && i/w < h/2 {
				grey = 220
			}
			f.Pix[3*i], f.Pix[3*i+1], f.Pix[3*i+2] = grey, grey, grey
		}
		f.Seq = uint64(n)
		if err := writer.Write(&f); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
}

// runTrain runs 'vigil train' as run does, but for the name of the command.
func runTrain(ctx context.Context, args ...string) (stdout, stderr string, err error) {
	var out, errs bytes.Buffer
	cmd := trainCommand()
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err = cmd.ExecuteContext(ctx)
	return out.String(), errs.String(), err
}

func TestTrainThenReplay(t *testing.T) {
	dir := t.TempDir()
	first, second := filepath.Join(dir, "one.avi"), filepath.Join(dir, "two.avi")
	drawVideo(t, first, 64, 48, 130)
	drawVideo(t, second, 64, 48, 60)
	weights, scores := filepath.Join(dir, "m.safetensors"), filepath.Join(dir, "scores.csv")
	out, errs, err := runTrain(t.Context(), first, second, "-o", weights, "--preset", "micro", "--seed", "3",
		"--epochs",
		"2", "--json")
	if err != nil {
		t.Fatalf("%v\n%s", err, errs)
	}
	var summary struct {
		Steps  int
		Clips  int
		Frames int
		Best   struct{ Normal float64 }
	}
	if err := json.Unmarshal([]byte(out), &summary); err != nil || summary.Best.Normal <= 0 {
		t.Fatalf("summary %s, %v", out, err)
	}
	// The first video gives its last 32 frames to be held out.
	if summary.Frames != 98+60 || summary.Clips != 42+23 || summary.Steps != 2*65/4 {
		t.Errorf("summary %+v", summary)
	}
	if !strings.Contains(errs, "epoch 2.0 of 2.0: held-out loss ") {
		t.Errorf("progress\n%s", errs)
	}
	w, err := model.ReadWeights(weights)
	if err != nil || w.Spec.Score != model.BlockMotion || w.Spec.Preset != "micro" {
		t.Errorf("weights %+v, %v", w.Spec, err)
	}
	// What was known when they were made is in them.
	info, err := train.Describe(weights)
	if err != nil || info.FPS != 10 || info.HeldOut == nil || info.HeldOut.Normal <= 0 || info.HeldOut.AUC == nil ||
		info.HeldOut.Clips < 1 {
		t.Errorf("info %+v, %v", info, err)
	}
	if _, err := time.Parse(time.DateOnly, info.Trained); err != nil {
		t.Errorf("trained on %q", info.Trained)
	}
	mustRunVigil(t, "replay", second, "-m", weights, "--hop", "1", "--scores", scores, "--no-publish")
	if rows := readCSV(t, scores); len(rows) != 1+45 {
		t.Errorf("%d scores, want 45", len(rows)-1)
	}
}

// A run that a signal stops says where it is kept, and gives in the end what it would have given.
func TestTrainInterrupted(t *testing.T) {
	dir := t.TempDir()
	video := filepath.Join(dir, "one.avi")
	drawVideo(t, video, 32, 32, 90)
	args := func(name string, more ...string) []string {
		return append([]string{
			video, "-o", filepath.Join(dir, name), "--preset", "micro", "--epochs", "30",
			"--threads", "1",
		}, more...)
	}
	if _, errs, err := runTrain(t.Context(), args("whole")...); err != nil {
		t.Fatalf("%v\n%s", err, errs)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		// The checkpoint is there before the first step.
		for ctx.Err() == nil {
			if _, err := os.Stat(filepath.Join(dir, "parts.checkpoint")); err == nil {
				cancel()
			}
		}
	}()
	_, errs, err := runTrain(ctx, args("parts")...)
	// Where there was never a checkpoint nothing else ends the wait for it.
	cancel()
	<-done
	if !errors.Is(err, errInterrupted) ||
		!strings.Contains(errs, "parts.checkpoint: continue with the same command and --resume") {
		t.Fatalf("%v\n%s", err, errs)
	}
	// It goes on with what it began with only.
	for flag, want := range map[string]string{
		"--last=2":     "number of scored frames was 4 and is 2",
		"--glide=0.1":  "recipe was local-speed and is local-speed, glide 0.1",
		"--pseudo=0.1": "recipe was local-speed and is local-speed, pseudo 0.1",
	} {
		if _, _, err := runTrain(t.Context(), args("parts", "--resume", flag)...); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", flag, err, want)
		}
	}
	if _, errs, err := runTrain(t.Context(), args("parts", "--resume")...); err != nil {
		t.Fatalf("%v\n%s", err, errs)
	}
	whole, err := os.ReadFile(filepath.Join(dir, "whole"))
	if err != nil {
		t.Fatal(err)
	}
	parts, err := os.ReadFile(filepath.Join(dir, "parts"))
	if err != nil || !bytes.Equal(whole, parts) {
		t.Errorf("a resumed run gives another file, %v", err)
	}
}

func TestTrainRefuses(t *testing.T) {
	dir := t.TempDir()
	video, other, short := filepath.Join(dir, "one.avi"), filepath.Join(dir, "other.avi"),
		filepath.Join(dir, "short.avi")
	drawVideo(t, video, 64, 48, 40)
	drawVideo(t, other, 80, 48, 40)
	drawVideo(t, short, 64, 48, 12)
	out := filepath.Join(dir, "m.safetensors")
	for i, c := range []struct {
		args  []string
		usage bool
		want  string
	}{
		{[]string{video}, true, "-o: is missing; must be the weights file to write"},
		{[]string{video, "-o", out, "--pseudo", "1.5"}, true, "--pseudo: is 1.5, must be from 0 to 1"},
		{[]string{video, "-o", out, "--glide", "-1"}, true, "--glide: is -1, must be from 0 to 1"},
		{
			[]string{video, "-o", out, "--recipe", "glide", "--pseudo", "0.9"},
			true,
			"--pseudo and --glide: are 0.9 and 0.2 of the clips, together must be at most 1",
		},
		{[]string{video, "-o", out, "--last", "17"}, true, "--last: is 17, must be from 1 to 16, or 0 for all"},
		{[]string{video, "-o", out, "--slots", "-1"}, true, "slots -1: want 1 to"},
		{[]string{video, "-o", out, "--preset", "huge"}, true, `--preset: preset "huge" is unknown, known are paper`},
		{
			[]string{video, "-o", out, "--recipe", "magic"},
			true,
			`--recipe: recipe "magic" is unknown, known are local-speed, glide, paper`,
		},
		{[]string{video, "-o", out, "--side", "100"}, true, "side 100: want a multiple of 16"},
		{[]string{video, "-o", out, "--epochs", "2", "--minutes", "3"}, true, "only one of them"},
		{[]string{video, "-o", out, "--epochs", "-2"}, true, "--epochs: is -2"},
		{[]string{video, "-o", out, "--minutes", "NaN"}, true, "--minutes: is NaN"},
		{[]string{"rtsp://u:secret@localhost/x", "-o", out}, true, "a live camera cannot be trained on"},
		{[]string{filepath.Join(dir, "none.avi"), "-o", out}, false, "no such file"},
		{
			[]string{video, other, "-o", out, "--preset", "micro"},
			false,
			"other.avi: pictures are 80x48, those of one.avi 64x48",
		},
		{[]string{short, "-o", out, "--preset", "micro"}, false, "too little video"},
		{[]string{video, "-o", out, "--preset", "micro", "--resume"}, false, "there is no interrupted run to resume"},
		{[]string{video, "-o", filepath.Join(dir, "no", "m"), "--preset", "micro"}, false, filepath.Join(dir, "no")},
		{[]string{other, "-o", video, "--preset", "micro"}, true, "one.avi is there and is no weights file"},
		{[]string{video, "-o", dir, "--preset", "micro"}, true, "-o: " + dir + " is a folder"},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			_, _, err := runTrain(t.Context(), c.args...)
			if err == nil || !strings.Contains(err.Error(), c.want) || isUsage(err) != c.usage {
				t.Errorf("error %v, want one of usage %v with %q", err, c.usage, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error shows a password: %v", err)
			}
		})
	}
}
