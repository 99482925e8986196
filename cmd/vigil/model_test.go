package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vigil/app"
	"vigil/model"
	"vigil/model/train"
)

// modelRun runs a subcommand of `vigil model`.
func modelRun(args ...string) (stdout string, err error) {
	var out bytes.Buffer
	c := modelCommand()
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetArgs(args)
	c.SetOut(&out)
	err = c.Execute()
	return out.String(), err
}

func fixture(name string) string { return filepath.Join("..", "..", "model", "testdata", name) }

func TestModelImport(t *testing.T) {
	out := filepath.Join(t.TempDir(), "gate.safetensors")
	for _, file := range []string{"micro-zip.pt", "micro-legacy.pt", "variant-zip.pt"} {
		if _, err := modelRun("import", fixture(file), "-o", out, "--lambda", "0.2", "--addressing", "cosine",
			"--score", "block_sq"); err != nil {
			t.Fatal(err)
		}
		text, err := modelRun("info", out, "--json")
		if err != nil {
			t.Fatal(err)
		}
		var info train.Info
		if err := json.Unmarshal([]byte(text), &info); err != nil {
			t.Fatal(err)
		}
		if info.Preset != "micro" || info.Side != 16 || info.Lambda != 0.2 || info.Addressing != "cosine" ||
			info.Score != "block_sq" || info.Name != "gate" || len(info.Hash) != 64 {
			t.Errorf("%s became %+v", file, info)
		}
	}
	text, err := modelRun("info", out)
	if err != nil || !strings.Contains(text, "16 frames of 16 x 16") || !strings.Contains(text, "7 slots, cosine") {
		t.Errorf("%q, %v", text, err)
	}
}

func TestModelImportDefaults(t *testing.T) {
	out := filepath.Join(t.TempDir(), "w.safetensors")
	if _, err := modelRun("import", fixture("micro-zip.pt"), "-o", out, "--side", "32", "--name", "yard", "--version",
		"7"); err != nil {
		t.Fatal(err)
	}
	w, err := model.ReadWeights(out)
	if err != nil {
		t.Fatal(err)
	}
	want := model.Spec{
		Side: 32, Channels: [4]int{3, 5, 8, 6}, Slots: 7, Lambda: 1. / 7, Addressing: model.Dot,
		Score: model.MeanAbs,
	}
	if w.Spec != want || w.Name != "yard" || w.Version != "7" {
		t.Errorf("%+v, %q", w.Spec, w.Name)
	}
}

func TestModelImportRefuses(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "w.safetensors")
	small, err := model.NewWeights(mustPreset(t, "small"))
	if err != nil {
		t.Fatal(err)
	}
	bare, whole := filepath.Join(dir, "bare"), filepath.Join(dir, "whole")
	if err := errors.Join(model.WriteSafetensors(bare, small.Tensors, nil), small.Write(whole)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args  []string
		usage bool
		want  string
	}{
		{[]string{fixture("micro-zip.pt")}, true, "--output"},
		{
			[]string{fixture("micro-zip.pt"), "-o", out, "--preset", "paper"},
			true,
			"channels [96 128 256 256] and 2000 slots",
		},
		{[]string{fixture("micro-zip.pt"), "-o", out, "--preset", "large"}, true, "known are paper"},
		{[]string{fixture("micro-zip.pt"), "-o", out, "--preset", "micro", "--side", "16"}, true, "one of them"},
		{[]string{fixture("micro-zip.pt"), "-o", out, "--side", "20"}, true, "multiple of 16"},
		{[]string{fixture("micro-zip.pt"), "-o", out, "--lambda", "1"}, true, "lambda 1"},
		{[]string{fixture("micro-zip.pt"), "-o", out, "--addressing", "euclid"}, true, "addressing"},
		{[]string{fixture("micro-zip.pt"), "-o", out, "--score", "max"}, true, "score"},
		{[]string{bare, "-o", out}, true, "accurate (192) and small (128) have"},
		{[]string{whole, "-o", out}, false, "without import"},
		{[]string{filepath.Join(dir, "absent"), "-o", out}, false, "absent"},
		{[]string{"model.go", "-o", out}, false, "not a file of torch.save"},
		{[]string{fixture("golden-dot.safetensors"), "-o", out}, true, `"init.": choose the network with --prefix`},
		{
			[]string{fixture("golden-dot.safetensors"), "-o", out, "--prefix", "x"},
			true,
			`no network has the prefix "x.", the file has "after.", "grad.", "init."`,
		},
		{
			[]string{fixture("golden-dot.safetensors"), "-o", out, "--prefix", "grad"},
			false,
			"save it again without what is not the network's",
		},
		{[]string{fixture("micro-zip.pt"), "-o", filepath.Join(dir, "no", "such", "folder")}, false, "no such"},
	} {
		_, err := modelRun(append([]string{"import"}, c.args...)...)
		var usage app.UsageError
		if err == nil || !strings.Contains(err.Error(), c.want) || errors.As(err, &usage) != c.usage {
			t.Errorf("%v: error %v (usage %v), expected %q (usage %v)", c.args, err, errors.As(err, &usage),
				c.want, c.usage)
		}
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("something was written")
	}
	if _, err := modelRun("import", bare, "-o", out, "--preset", "small"); err != nil {
		t.Error(err)
	}
	if _, err := modelRun("info", bare); !errors.Is(err, model.ErrNoSpec) {
		t.Errorf("info of bare tensors: %v", err)
	}
}

func mustPreset(t *testing.T, name string) model.Spec {
	t.Helper()
	s, err := model.FindPreset(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
