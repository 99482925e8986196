//go:build cgo && gocv_videoio

package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"vigil/eval"
	"vigil/internal/docs"
	"vigil/internal/scene"
	"vigil/internal/synth/kinds"
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

// TestPseudoMakesKinds makes kinds of a small street, and has 'vigil eval' read them.
func TestPseudoMakesKinds(t *testing.T) {
	dir := t.TempDir()
	film := filepath.Join(dir, "monday.mkv")
	street, err := scene.New(scene.Config{Seed: 3, Width: 128, Height: 96, FPS: 12.5})
	if err != nil {
		t.Fatal(err)
	}
	if err := street.WriteVideo(t.Context(), film, 150); err != nil {
		t.Fatal(err)
	}
	short := filepath.Join(dir, "short.avi")
	drawVideo(t, short, 64, 48, 20)
	out := filepath.Join(dir, "kinds")
	stdout, err := runPseudo(t.Context(), "--kinds", "covered,thrown,nothing", "--instances", "1", "--seed", "7",
		film, short,
		"-o", out)
	if err != nil {
		t.Fatal(err)
	}
	if want := out + ": 3 videos of 1 recordings\n"; stdout != want {
		t.Errorf("printed %q, want %q", stdout, want)
	}
	data, err := eval.Open(t.Context(), out, "")
	if err != nil {
		t.Fatal(err)
	}
	manifest := readManifest(t, out)
	if len(data.Test) != 3 || len(manifest) != 3 {
		t.Fatalf("%d videos, and %d rows of the manifest", len(data.Test), len(manifest))
	}
	for _, v := range data.Test {
		first, last := slices.Index(v.Abnormal, true), len(v.Abnormal)-1
		for last >= 0 && !v.Abnormal[last] {
			last--
		}
		row := manifest[v.Name]
		kind, instance, _ := strings.Cut(v.Name, "-")
		want := []string{v.Name, kind, instance, "", strconv.Itoa(first), strconv.Itoa(last), "7"}
		want[3] = map[string]string{"covered": "camera", "thrown": "scene", "nothing": "quiet"}[kind]
		if kind == "nothing" {
			want[4], want[5] = "", ""
		}
		if !slices.Equal(row, want) {
			t.Errorf("the manifest has %v, want %v", row, want)
		}
	}
	result := parseEval(t, mustRunVigil(t, "eval", out, "-m", tinyWeights(t), "--calibrate", film, "--json"))
	if result.Pixel == nil || result.Pixel.Videos != 3 || result.Pixel.AUC == nil || result.Raw.Micro == nil {
		t.Errorf("eval reads pixels %+v and frames %+v, want those of 3 videos", result.Pixel, result.Raw)
	}
	if k := result.Kinds; k == nil || len(k.ByKind) != 3 || k.ByKind[0].Kind != "thrown" || k.Of != 2 ||
		k.QuietOf != 1 ||
		k.TamperingOf != 1 || len(k.ByKind[1].Instances) != 1 {
		t.Errorf("eval has the kinds %+v", k)
	}

	again := filepath.Join(dir, "again")
	if _, err := runPseudo(t.Context(), "--kinds", "thrown", "--instances", "1", "--seed", "7", film, short, "-o",
		again); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"test/thrown-1.avi", "masks/thrown-1.avi", "labels/thrown-1.csv"} {
		one, err1 := os.ReadFile(filepath.Join(out, name))
		two, err2 := os.ReadFile(filepath.Join(again, name))
		if err := errors.Join(err1, err2); err != nil || !bytes.Equal(one, two) {
			t.Errorf("%s is another file when made alone, %v", name, err)
		}
	}
}

// readManifest returns the rows of a data set's manifest by the video's name.
func readManifest(t *testing.T, dir string) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, eval.ManifestFile))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil || strings.Join(rows[0], ",") != eval.ManifestHeader {
		t.Fatalf("manifest %q, %v", text, err)
	}
	all := map[string][]string{}
	for _, row := range rows[1:] {
		all[row[0]] = row
	}
	return all
}

// TestEvaluationListsTheKinds checks the table of docs/evaluation.md, and the columns of docs/formats/kinds.md.
func TestEvaluationListsTheKinds(t *testing.T) {
	page, err := os.ReadFile("../../docs/evaluation.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range kinds.All() {
		about := k.About
		if k.Tampering {
			about += "; tampering"
		}
		if row := fmt.Sprintf("| `%s` | %s | %s |", k.Name, k.Group, about); !strings.Contains(string(page), row) {
			t.Errorf("docs/evaluation.md has no row %s", row)
		}
	}
	format, err := os.ReadFile("../../docs/formats/kinds.md")
	if err != nil {
		t.Fatal(err)
	}
	columns := docs.FirstColumn(string(format))
	for column := range strings.SplitSeq(eval.ManifestHeader, ",") {
		if !slices.Contains(columns, column) {
			t.Errorf("docs/formats/kinds.md does not describe the column %s: %v", column, columns)
		}
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
		{[]string{video, "-o", out, "--instances", "2"}, true, "--instances: is for --kinds"},
		{[]string{video, "-o", out, "--kinds", "all", "--copies", "2"}, true, "--copies: is not for --kinds"},
		{
			[]string{video, "-o", out, "--kinds", "frog"},
			true,
			"--kinds: \"frog\" is not a kind; the kinds are all, or some",
		},
		{[]string{video, "-o", out, "--kinds", ""}, true, "--kinds: \"\" is not a kind"},
		{[]string{video, "-o", out, "--kinds", "fog", "--instances", "0"}, true, "--instances: is 0"},
		{[]string{video, "-o", there, "--kinds", "fog"}, true, "exists already"},
		{[]string{short, "-o", out, "--kinds", "fog"}, false, "too short: 2.0 s"},
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
