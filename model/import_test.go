package model

import (
	"archive/zip"
	"bytes"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// prefixed puts a prefix before every name.
func prefixed(tensors map[string]Tensor, prefix string) map[string]Tensor {
	out := map[string]Tensor{}
	for name, t := range tensors {
		out[prefix+name] = t
	}
	return out
}

func joined(all ...map[string]Tensor) map[string]Tensor {
	out := map[string]Tensor{}
	for _, m := range all {
		maps.Copy(out, m)
	}
	return out
}

// TestPrefixes reads networks with any prefix, in every format.
func TestPrefixes(t *testing.T) {
	want := initial(t)
	other := map[string]Tensor{"encoder.0.weight": {Shape: []int{1}, Float: []float32{1}}}
	extra := map[string]Tensor{"loss_fn.weight": {Shape: []int{1}, Float: []float32{1}}}
	for _, c := range []struct {
		name    string
		tensors map[string]Tensor
		prefix  string // as --prefix gives it
		err     string
	}{
		{"none", want, "", ""},
		{"module.", prefixed(want, "module."), "", ""},
		{"model.", prefixed(want, "model."), "", ""},
		{"net.", prefixed(want, "net."), "", ""},
		{"_orig_mod.module.", prefixed(want, "_orig_mod.module."), "", ""},
		{"module._orig_mod.", prefixed(want, "module._orig_mod."), "", ""},
		{"one that nobody knows", prefixed(want, "a.b.c."), "", ""},
		{"others beside the prefix", joined(prefixed(want, "model."), extra), "", ""},
		{"a likely one and another", joined(prefixed(want, "state_dict."), prefixed(other, "ema.")), "", ""},
		{"a network within the network", joined(want, prefixed(other, "ema.")), "", ""},
		{"one of two", joined(prefixed(want, "student."), prefixed(other, "teacher.")), "student", ""},
		{"one of two, with a dot", joined(prefixed(other, "student."), prefixed(want, "teacher.")), "teacher.", ""},
		{
			"two", joined(prefixed(want, "student."), prefixed(other, "teacher.")), "",
			`"student.", "teacher.": choose the network with --prefix`,
		},
		{
			"two likely ones", joined(prefixed(want, "model.a."), prefixed(other, "model.b.")), "",
			`"model.a.", "model.b."`,
		},
		{
			"another than is asked for", prefixed(want, "model."), "net",
			`no network has the prefix "net.", the file has "model."`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			safe, torch := filepath.Join(dir, "x.safetensors"), filepath.Join(dir, "x.pt")
			if err := WriteSafetensors(safe, c.tensors, nil); err != nil {
				t.Fatal(err)
			}
			if err := WritePyTorch(torch, c.tensors); err != nil {
				t.Fatal(err)
			}
			for _, file := range []string{safe, torch} {
				got, err := ReadStateDict(file, c.prefix)
				if c.err != "" {
					if err == nil || !strings.Contains(err.Error(), c.err) || !strings.Contains(err.Error(), file) {
						t.Errorf("%s: error %v, want %q", file, err, c.err)
					}
					continue
				}
				if err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("%s: %v; %d tensors of %d", filepath.Base(file), err, len(got), len(want))
				}
			}
		})
	}
}

// repack rewrites a zip archive without some records.
func repack(t *testing.T, raw []byte, method uint16, without ...string) []byte {
	t.Helper()
	from, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	to := zip.NewWriter(&b)
	for _, f := range from.File {
		if slices.Contains(without, filepath.Base(f.Name)) {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		w, err := to.CreateHeader(&zip.FileHeader{Name: f.Name, Method: method})
		if err == nil {
			_, err = io.Copy(w, r)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestPackedArchives(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("testdata", "checkpoint-zip.ckpt"))
	if err != nil {
		t.Fatal(err)
	}
	for name, packed := range map[string][]byte{
		"compressed":           repack(t, raw, zip.Deflate),
		"without a byte order": repack(t, raw, zip.Store, "byteorder"),
	} {
		got, err := parsePyTorch(packed, "")
		if err != nil || len(got) != len(initial(t)) {
			t.Errorf("%s: %d tensors, %v", name, len(got), err)
		}
	}
	// Zeros that take a gigabyte when unpacked.
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("archive/data.pkl")
	if err == nil {
		_, err = w.Write(make([]byte, 1<<24))
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := parsePyTorch(b.Bytes(), ""); err == nil ||
		!strings.Contains(err.Error(), "more than such a file holds") {
		t.Errorf("a bomb: %v", err)
	}
}

// TestNotAStateDict expects errors that name the remedy.
func TestNotAStateDict(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("testdata", "micro-zip.pt"))
	if err != nil {
		t.Fatal(err)
	}
	whole := "\x80\x02cmodels.memae\nNet\n)\x81}X\x01\x00\x00\x00aK\x01sb."
	for _, c := range []struct {
		name string
		raw  []byte
		want []string
	}{
		{"a whole network", legacy(whole), []string{`class "models.memae.Net"`, saveHint}},
		{
			"a whole network in a dict", legacy("\x80\x02}X\x01\x00\x00\x00m" + whole[2:len(whole)-1] + "s."),
			[]string{`no tensor in it, but with an object of the class "models.memae.Net"`, saveHint},
		},
		{"a zip archive", repack(t, raw, zip.Store, "data.pkl"), []string{
			"a zip archive, but not one of torch.save",
			saveHint,
		}},
		{"half a file", raw[:len(raw)/2], []string{"copy the file again"}},
		{"JSON", []byte(`{"theta": 1, "lo": 0}`), []string{"a JSON text", saveHint}},
	} {
		_, err := parseStateDict(c.raw, "")
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want %q", c.name, err, want)
			}
		}
	}
}

// TestNothingIsExecuted reads a state dict next to a shell command.
func TestNothingIsExecuted(t *testing.T) {
	proof := filepath.Join(t.TempDir(), "executed")
	text := func(s string) string { return "X" + string([]byte{byte(len(s)), 0, 0, 0}) + s }
	order := "cposix\nsystem\n" + text("touch "+proof) + "\x85R"
	built := "cargparse\nNamespace\n)\x81}" + text("x") + order + "sb"
	tensor := strings.TrimSuffix(strings.TrimPrefix(hugeTensor("K\x01", "K\x01", "K\x01"), "\x80\x02}"), "s.")
	object := "\x80\x02}(" + text("evil") + order + text("args") + built + tensor + "u."
	raw := bytes.TrimSuffix(legacy(object), []byte("\x80\x02]."))
	raw = append(append(raw, "\x80\x02]X\x01\x00\x00\x000a."...), "\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x3f"...)
	got, err := parsePyTorch(raw, "")
	if err != nil || len(got) != 1 || got["a"].Float[0] != 1 {
		t.Errorf("read %v, %v", got, err)
	}
	if _, err := os.Stat(proof); err == nil {
		t.Error("the command was executed")
	}
}

func TestFileKind(t *testing.T) {
	stream := bytes.Repeat(append([]byte{'G'}, make([]byte, 187)...), 4)
	dir := t.TempDir()
	for _, c := range []struct{ raw, want string }{
		{"", "an empty file"},
		{`{"version":2,"key":{"model_hash":"x"}}`, "a calibration, expected the weights that it was made with"},
		{"\n [1,2]", "a JSON text, expected weights: a safetensors file of 'vigil train'"},
		{"cameras:\n  - name: a\n", "a text, expected weights"},
		{"<!DOCTYPE html><html>", "a web page"},
		{"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"},
		{"\x1a\x45\xdf\xa3\x01\x00\x00\x00", "a video"},
		{"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom", "a video"},
		{"RIFF\x00\x00\x00\x00AVI LIST", "a video"},
		{string(stream), "a video"},
		{"\xff\xd8\xff\xe0\x00\x10JFIF", "a picture"},
		{"\x89PNG\x0d\x0a\x1a\x0a", "a picture"},
		{"II*\x00\x08\x00\x00\x00", "a picture"},
		{"\x93NUMPY\x01\x00", "an array of NumPy"},
		{"\x89HDF\r\n\x1a\n", "an HDF5 file"},
		{"PK\x03\x04\x14\x00\x00\x00", "a zip archive"},
		{"\x80\x02}.", "a pickle"},
		{"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", "vigil model import"},
		{"\x1f\x8b\x08\x00", "a gzip archive"},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff", "a file of another kind"},
	} {
		file := filepath.Join(dir, "weights")
		if err := os.WriteFile(file, []byte(c.raw), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, read := range []func() error{
			func() error { _, err := Load(file); return err },
			func() error { _, err := ReadWeights(file); return err },
		} {
			if err := read(); err == nil || !strings.Contains(err.Error(), c.want) ||
				!strings.HasPrefix(err.Error(), file) {
				t.Errorf("%q: error %v, want %q", c.raw[:min(len(c.raw), 20)], err, c.want)
			}
		}
	}
	if _, err := Load(filepath.Join("testdata", "micro-zip.pt")); err == nil ||
		!strings.Contains(err.Error(), "a file of torch.save: make weights of it with 'vigil model import'") {
		t.Error(err)
	}
}
