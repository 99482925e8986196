package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"vigil/internal/terminal"
	"vigil/model"
	"vigil/model/train"
)

// What is exported comes in again as it was, in both formats.
func TestModelExport(t *testing.T) {
	dir := t.TempDir()
	weights := filepath.Join(dir, "weights.safetensors")
	if _, err := modelRun("import", fixture("micro-zip.pt"), "-o", weights); err != nil {
		t.Fatal(err)
	}
	want, err := model.ReadWeights(weights)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"x.pt", "x.pth", "x.CKPT", "x.safetensors"} {
		out, again := filepath.Join(dir, name), filepath.Join(dir, "again.safetensors")
		if text, err := modelRun("export", weights, "-o", out); err != nil ||
			!strings.Contains(text, "52 tensors, for a network of side 16") {
			t.Fatalf("%s: %q, %v", name, text, err)
		}
		if _, err := modelRun("import", out, "-o", again); err != nil {
			t.Fatal(err)
		}
		got, err := model.ReadWeights(again)
		if err != nil || !reflect.DeepEqual(got.Tensors, want.Tensors) {
			t.Errorf("%s: other tensors came back, %v", name, err)
		}
	}
	// Weights with a background, which PyTorch's network has no place for.
	spec := mustPreset(t, "micro")
	spec.Score, spec.Last = model.BlockMotion, 4
	w, err := model.NewWeights(spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(weights); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "y.pt")
	text, err := modelRun("export", weights, "-o", out)
	if err != nil || !strings.Contains(text, "without background") {
		t.Errorf("%q, %v", text, err)
	}
	if tensors, err := model.ReadPyTorch(out); err != nil || len(tensors) != 52 {
		t.Errorf("%d tensors, %v", len(tensors), err)
	}
	// Weights that come with vigil.
	if text, err := modelRun("export", "base-street", "-o", out); err != nil || !strings.Contains(text, "of side 128") {
		t.Errorf("%q, %v", text, err)
	}
	for want, args := range map[string][]string{
		"--output is missing": {"export", weights}, "must end in .pt": {
			"export", weights, "-o",
			filepath.Join(dir, "x.bin"),
		},
		"a file of torch.save": {"export", fixture("micro-zip.pt"), "-o", out},
		"no such file":         {"export", weights, "-o", filepath.Join(dir, "no", "x.pt")},
	} {
		if _, err := modelRun(args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: error %v, want %q", args, err, want)
		}
	}
}

// Info prints what the training noted, and that it is unknown where there is no note.
func TestModelInfo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.safetensors")
	for _, c := range []struct {
		notes map[string]string
		want  []string
		json  string
	}{
		{nil, []string{"rate        unknown", "trained     unknown", "held out    unknown"}, ""},
		{map[string]string{
			train.NoteFPS: "12.5", train.NoteTrained: "2026-11-29", train.NoteHeldClips: "48",
			train.NoteHeldNormal: "0.01", train.NoteHeldPseudo: "0.2",
			train.NoteHeldAUC: "0", "recipe": "glide",
		}, []string{
			"rate        12.5 frames a second", "trained     2026-11-29",
			"held out    48 clips score 0.01, with something too fast in them 0.2, AUC between them 0.000",
			"recipe      glide",
		}, `"fps":12.5,"trained":"2026-11-29","held_out":{"clips":48,"normal":0.01,"pseudo":0.2,"auc":0}`},
		{
			map[string]string{train.NoteHeldClips: "48", train.NoteHeldNormal: "0.01"},
			[]string{"held out    48 clips score 0.01\n"},
			`"held_out":{"clips":48,"normal":0.01}`,
		},
		// What a stranger's file contains steers no terminal and stands for no number.
		{map[string]string{train.NoteFPS: "\x1b[2J", train.NoteTrained: "yesterday", "\x1b]0;x": "\u009b"}, []string{
			"rate        unknown", `"\x1b[2J"`, "trained     unknown", `"\x1b]0;x"`, `"\u009b"`,
		}, `"notes":`},
	} {
		w, err := model.NewWeights(mustPreset(t, "micro"))
		if err != nil {
			t.Fatal(err)
		}
		w.Notes = c.notes
		if err := w.Write(file); err != nil {
			t.Fatal(err)
		}
		text, err := modelRun("info", file)
		if err != nil || strings.ContainsFunc(text, terminal.IsControl) {
			t.Errorf("%q, %v", text, err)
		}
		for _, want := range c.want {
			if !strings.Contains(text, want) {
				t.Errorf("%v: %q is missing:\n%s", c.notes, want, text)
			}
		}
		text, err = modelRun("info", file, "--json")
		var compact map[string]any
		if err != nil || json.Unmarshal([]byte(text), &compact) != nil ||
			strings.ContainsFunc(text, terminal.IsControl) {
			t.Fatalf("%q, %v", text, err)
		}
		if !strings.Contains(strings.Join(strings.Fields(text), ""), strings.ReplaceAll(c.json, " ", "")) {
			t.Errorf("%v: %s is missing in %s", c.notes, c.json, text)
		}
	}
}

// A file that is no weights is named as what it is, wherever weights are asked for.
func TestModelInfoRefusesOtherFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "gate.json")
	if err := os.WriteFile(file, []byte(`{"key":{"model_hash":"abc"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	video := filepath.Join(t.TempDir(), "x.mkv")
	if err := os.WriteFile(video, []byte("\x1a\x45\xdf\xa3 and what follows"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"calibrate", video, "-m", file, "--camera", "a", "-o", filepath.Join(t.TempDir(), "x.json")},
		{"replay", video, "-m", file, "--no-publish"},
		{"eval", t.TempDir(), "-m", file},
		{"model", "info", file},
		{"model", "export", file, "-o", "x.pt"},
	} {
		var out, errs strings.Builder
		if code := run(t.Context(), args, &out, &errs); code == exitDone ||
			!strings.Contains(errs.String(), file+": not a safetensors file but a calibration") {
			t.Errorf("%v: exit code %d: %s", args, code, errs.String())
		}
	}
}
