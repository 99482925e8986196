//go:build cgo && gocv_videoio

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"vigil/alerts"
	"vigil/capture"
	"vigil/internal/batch"
	"vigil/internal/cameratest"
)

// An alert that is acknowledged as normal leaves what the model saw of it: replayed, it gives the scores of the event,
// and train reads as many pictures as the model saw, beside recordings of the camera's own size.
func TestAckNormalStoresModelInput(t *testing.T) {
	const every = 2 // of 25 frames a second the model sees 12.5
	dir := t.TempDir()
	street := smallStreet(t, 1, 25)
	recording, weights := filepath.Join(dir, "street.mkv"), tinyWeights(t)
	encodeVideo(t, street, 150, recording, "-c:v", "ffv1")
	file := filepath.Join(dir, "vigil.yaml")
	text := fmt.Sprintf(`
data_dir: %s
model: %s
nats: {embedded: {port: 0}}
evidence: {before: 10s, longest: 20s}
defaults: {fps: 12.5, hop: 1, realtime: false, threshold: {lo: 0, theta: 0.000001}}
cameras: [{name: street, source: %s}]
`, filepath.Join(dir, "data"), weights, recording)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	mustRunVigil(t, "run", "-c", file)
	var last alerts.Alert
	for line := range strings.SplitSeq(strings.TrimSpace(mustRunVigil(t, "alerts", "--local", "-c", file,
		"--since", "1h",
		"--follow=false", "--json")), "\n") {
		a, err := alerts.Decode([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		last = a
	}
	if out := mustRunVigil(t, "alerts", "ack", last.ID, "--normal", "--by", "Ann", "--local", "-c",
		file); !strings.Contains(out, "1 clip stored for training") {
		t.Errorf("the message is %s", out)
	}
	mustRunVigil(t, "alerts", "export", last.ID, dir, "--local", "-c", file)
	clips, err := filepath.Glob(filepath.Join(dir, "model-input-*.mkv"))
	if err != nil || len(clips) != 1 {
		t.Fatalf("exported are %v, %v", clips, err)
	}
	first, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(clips[0]), "model-input-"),
		".mkv"))
	if err != nil {
		t.Fatal(err)
	}

	scores := func(src string, args ...string) map[string]string {
		t.Helper()
		out := filepath.Join(t.TempDir(), "scores.csv")
		mustRunVigil(t, append([]string{"replay", src, "-m", weights, "--hop", "1", "--scores", out, "--no-publish"},
			args...)...)
		all := map[string]string{}
		for _, row := range readCSV(t, out)[1:] {
			all[row[1]] = row[2]
		}
		return all
	}
	of, kept := scores(recording, "--fps", "12.5"), scores(clips[0])
	for frame, got := range kept {
		n, err := strconv.Atoi(frame)
		if err != nil {
			t.Fatal(err)
		}
		if want := of[strconv.Itoa(first+every*n)]; got != want {
			t.Errorf("picture %s has error %s, as frame %d of the recording %q", frame, got, first+every*n, want)
		}
	}
	pictures := len(kept) + 15
	if pictures < 60 {
		t.Errorf("%d pictures are kept of 75", pictures)
	}
	reading := &batch.Recordings{Options: func() (capture.Options, error) { return capture.Options{}, nil }}
	for _, src := range []string{recording, clips[0]} {
		address := cameratest.Address(t, src)
		reading.All = append(reading.All, batch.Recording{Source: address, Name: filepath.Base(src)})
	}
	var out strings.Builder
	set, err := reading.ReadTrainingSet(t.Context(), 0,
		batch.VideoOptions{Side: mustPreset(t, "tiny").Side, FPS: 12.5}, &out)
	videos := set.Videos
	if err != nil || len(videos) != 2 || videos[0].Frames() != 75 || videos[1].Frames() != pictures {
		t.Errorf("train read %d videos, want one of 75 pictures and one of %d: %v", len(videos), pictures, err)
	}
	for line := range strings.SplitSeq(strings.TrimSpace(out.String()), "\n") {
		if !strings.Contains(line, "12.5") {
			t.Errorf("train reports %q, want 12.5 frames a second", line)
		}
	}
}
