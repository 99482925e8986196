//go:build cgo && gocv_videoio

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vigil/eval"
)

// runPseudo runs 'vigil pseudo'.
func runPseudo(ctx context.Context, args ...string) (string, error) {
	var out bytes.Buffer
	cmd := pseudoCommand()
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err := cmd.ExecuteContext(ctx)
	return out.String(), err
}

func TestPseudoMakesADataSet(t *testing.T) {
	dir := t.TempDir()
	video, short := filepath.Join(dir, "monday.avi"), filepath.Join(dir, "short.avi")
	drawVideo(t, video, 64, 48, 120)
	drawVideo(t, short, 64, 48, 20)
	out := filepath.Join(dir, "made")
	line, err := runPseudo(t.Context(), video, short, "-o", out, "--copies", "4")
	if err != nil {
		t.Fatal(err)
	}
	if want := out + ": 4 videos of 2 recordings; 4 could not be made: too short, or too little moves\n"; line != want {
		t.Errorf("printed %q, want %q", line, want)
	}
	data, err := eval.Open(t.Context(), out, "")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, v := range data.Test {
		names = append(names, v.Name)
		pictures, err := filepath.Glob(filepath.Join(v.Path, "*.png"))
		if err != nil || len(pictures) != len(v.Abnormal) || v.Abnormal[0] ||
			!v.Abnormal[len(v.Abnormal)-1] && strings.Contains(v.Name, "fast") {
			t.Errorf("%s: %d pictures, labels %v, %v", v.Name, len(pictures), v.Abnormal, err)
		}
	}
	if got := strings.Join(names, " "); got != "monday-fast-1 monday-fast-2 monday-glide-1 monday-glide-2" {
		t.Errorf("made %s", got)
	}
}

func TestPseudoRefuses(t *testing.T) {
	dir := t.TempDir()
	video, short, there := filepath.Join(dir, "a.avi"), filepath.Join(dir, "short.avi"), filepath.Join(dir, "there")
	drawVideo(t, video, 64, 48, 120)
	drawVideo(t, short, 64, 48, 20)
	if err := os.Mkdir(there, 0o755); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	for _, c := range []struct {
		args  []string
		usage bool
		want  string
	}{
		{[]string{video}, true, "-o: is missing; must be the folder"},
		{[]string{video, "-o", there}, true, "exists already"},
		{[]string{video, "-o", out, "--copies", "0"}, true, "--copies: is 0"},
		{[]string{video, video, "-o", out}, true, "two recordings with the name a"},
		{[]string{"rtsp://10.0.0.7/a", "-o", out}, true, "is a live camera; give recordings of it"},
		{[]string{short, "-o", out}, false, "no video could be made from 1 recordings"},
		{[]string{filepath.Join(dir, "none.avi"), "-o", out}, false, "none.avi"},
	} {
		_, err := runPseudo(t.Context(), c.args...)
		if err == nil || !strings.Contains(err.Error(), c.want) || isUsage(err) != c.usage {
			t.Errorf("%v: error %v, want one with %q, usage %v", c.args, err, c.want, c.usage)
		}
		if left, _ := filepath.Glob(out + "*"); left != nil {
			t.Fatalf("%v: leaves %v", c.args, left)
		}
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := runPseudo(stopped, video, "-o", out)
	if left, _ := filepath.Glob(out + "*"); !errors.Is(err, errInterrupted) || left != nil {
		t.Errorf("interrupted: error %v, leaves %v", err, left)
	}
}
