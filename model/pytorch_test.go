package model

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// initial returns the weights of the fixtures.
func initial(t *testing.T) map[string]Tensor {
	t.Helper()
	return readGolden(t, Dot).weights.Tensors
}

// TestReadPyTorch reads files written by PyTorch: both formats, plain and as a checkpoint with prefixes, whose tensors
// are half and double, transposed, and slices of a larger storage; a newer protocol; and a checkpoint of a compiled
// network that also holds numpy numbers, argparse settings, an optimiser and tensors of other types.
func TestReadPyTorch(t *testing.T) {
	want := initial(t)
	for _, file := range []string{
		"micro-zip.pt", "micro-legacy.pt", "variant-zip.pt", "variant-legacy.pt",
		"variant-protocol4.pt", "checkpoint-zip.ckpt", "checkpoint-legacy.ckpt",
	} {
		t.Run(file, func(t *testing.T) {
			got, err := ReadPyTorch(filepath.Join("testdata", file))
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != len(want) {
				t.Errorf("%d tensors, want %d", len(got), len(want))
			}
			for name, w := range want {
				g := got[name]
				if !slices.Equal(g.Shape, w.Shape) || !slices.Equal(g.Int, w.Int) || len(g.Float) != len(w.Float) {
					t.Errorf("%s: shape %v, %d values, want %v, %d", name, g.Shape, len(g.Float)+len(g.Int), w.Shape,
						len(w.Float)+len(w.Int))
					continue
				}
				half := strings.HasPrefix(file, "variant") && name == "decoder.9.weight"
				for i := range g.Float {
					d := math.Abs(float64(g.Float[i] - w.Float[i]))
					if (half && d > 1e-4) || (!half && d != 0) {
						t.Fatalf("%s: value %d is %v, want %v", name, i, g.Float[i], w.Float[i])
					}
				}
			}
			spec, err := InferSpec(got)
			if err != nil || spec.Preset != "micro" {
				t.Fatalf("recognised as %+v, %v", spec, err)
			}
			if _, err := FromStateDict(got, spec); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestReadPyTorchTruncated cuts each fixture at many positions. Every cut must give an error, never a panic.
func TestReadPyTorchTruncated(t *testing.T) {
	for _, file := range []string{"micro-zip.pt", "micro-legacy.pt"} {
		raw, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		for n := 0; n < len(raw); n += 1 + len(raw)/400 {
			if _, err := parsePyTorch(raw[:n], ""); err == nil {
				t.Fatalf("%s, cut after %d of %d bytes: no error", file, n, len(raw))
			}
		}
	}
	raw, err := os.ReadFile(filepath.Join("testdata", "micro-legacy.pt"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = parsePyTorch(raw[:len(raw)-6], "")
	for _, part := range []string{"tensor ", "truncated", "expected", "values"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("cut in the data: error %v does not contain %q", err, part)
		}
	}
}

// TestDamagedRecord flips a bit of a zip archive's data, which the checksum must detect.
func TestDamagedRecord(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("testdata", "micro-zip.pt"))
	if err != nil {
		t.Fatal(err)
	}
	value := binary.LittleEndian.AppendUint32(nil, math.Float32bits(initial(t)["encoder.9.weight"].Float[100]))
	at := bytes.Index(raw, value)
	if at < 0 {
		t.Fatal("the value is not in the file")
	}
	raw[at] ^= 1
	if _, err := parsePyTorch(raw, ""); err == nil || !strings.Contains(err.Error(), "encoder.9.weight") {
		t.Errorf("error %v, expected one that names encoder.9.weight", err)
	}
}

// legacy concatenates pickles in the legacy format.
func legacy(object string) []byte {
	magic := "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
	return []byte(magic + "\x80\x02M\xe9\x03." + "\x80\x02}." + object + "\x80\x02].")
}

func TestHostilePickles(t *testing.T) {
	proof := filepath.Join(t.TempDir(), "executed")
	system := "\x80\x02cposix\nsystem\nX" + string(binary.LittleEndian.AppendUint32(nil, uint32(len("touch "+proof)))) +
		"touch " + proof + "\x85R."
	self := "\x80\x02]q\x00h\x00a."
	for _, c := range []struct {
		name string
		raw  []byte
		want string
	}{
		{"a command", []byte(system), "posix.system"},
		{"a command in the older format", legacy(system), "posix.system"},
		{"evaluation", legacy("\x80\x02c__builtin__\neval\nU\x011\x85R."), "__builtin__.eval"},
		{"a new global by the stack", legacy("\x80\x04\x8c\x02os\x8c\x06system\x93."), "os.system"},
		{"an extension code", legacy("\x80\x02\x82\x01."), "opcode 0x82"},
		{"a text without end", legacy("\x80\x02X\xff\xff\xff\x7fabc."), "truncated"},
		{"a very long text", legacy("\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7fabc."), "truncated"},
		{"a very long frame", legacy("\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f."), "truncated"},
		{"an empty stack", legacy("\x80\x02R."), "pickle"},
		{"a mark that is missing", legacy("\x80\x02t."), "pickle"},
		{"an empty number", legacy("\x80\x02\x8a\x00."), "malformed pickle"},
		{"a list that holds itself", legacy(self), "found a list"},
		{"a key that is a list", legacy("\x80\x02ccollections\nOrderedDict\n)R]q\x00Ns."), "found"},
		{"a number", legacy("\x80\x02K\x01."), "found a number"},
		{"an empty dict", legacy("\x80\x02}."), "empty"},
		{"a dict of numbers", legacy("\x80\x02}X\x01\x00\x00\x00aK\x01s."), "no tensor in it"},
		{
			"a wrong protocol", []byte(strings.Replace(string(legacy("\x80\x02}.")), "M\xe9\x03", "M\xe8\x03", 1)),
			"protocol 1000",
		},
		{"a text file", []byte("hello"), "a text, not a file of torch.save"},
		{"nothing", nil, "an empty file, not a file of torch.save"},
		{"a zip archive without its directory", []byte("PK\x03\x04"), "zip"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parsePyTorch(c.raw, "")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, expected one with %q", err, c.want)
			}
		})
	}
	if _, err := os.Stat(proof); err == nil {
		t.Error("the command was executed")
	}
}

// hugeTensor is a pickle of a tensor "a" whose storage claims length values, none of which are in the file.
func hugeTensor(size, stride, length string) string {
	return "\x80\x02}X\x01\x00\x00\x00actorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n" +
		"X\x01\x00\x00\x000X\x03\x00\x00\x00cpu" + length + "NtQK\x00" + size + "\x85" + stride + "\x85\x89NtRs."
}

func TestBoundedMemory(t *testing.T) {
	const billion, most = "J\xff\xff\xff\x3f", "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f"
	keys := "\x80\x02]X\x01\x00\x00\x000a."
	for _, c := range []struct{ size, stride, length string }{
		{billion, "K\x01", billion},
		{most, "K\x01", most},
		{billion, "K\x00", "K\x01"},
		{"K\x02", most, most},
		{"K\x02", billion, billion},
		{"J\xff\xff\xff\xff", "K\x01", "K\x01"},
		{"K\x02", "K\x01", "K\x01"},
		{"K\x02", "K\x20", "K\x01"},
	} {
		raw := bytes.TrimSuffix(legacy(hugeTensor(c.size, c.stride, c.length)), []byte("\x80\x02]."))
		raw = append(append(raw, keys...), "\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x3f"...)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := parsePyTorch(raw, "")
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), `tensor "a"`) {
			t.Errorf("size %q: error %v, expected one that names the tensor", c.size, err)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
			t.Errorf("size %q: %d bytes were allocated for a file of %d", c.size, grown, len(raw))
		}
	}
	// The same file with correct sizes can be read, so the sizes caused the error.
	raw := bytes.TrimSuffix(legacy(hugeTensor("K\x01", "K\x01", "K\x01")), []byte("\x80\x02]."))
	raw = append(append(raw, keys...), "\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x3f"...)
	if got, err := parsePyTorch(raw, ""); err != nil || fmt.Sprint(got["a"]) != "{[1] [1] []}" {
		t.Errorf("read %v, %v", got, err)
	}
}

func TestInferSpec(t *testing.T) {
	for _, p := range Presets {
		tensors := map[string]Tensor{}
		for _, want := range p.tensorSpecs() {
			tensors[want.name] = Tensor{Shape: want.shape}
		}
		s, err := InferSpec(tensors)
		if err != nil {
			t.Fatal(err)
		}
		if unique := p.Preset != "small" && p.Preset != "accurate"; unique && s != p ||
			!unique && (s.Side != 0 || len(s.MatchingPresets()) != 2) {
			t.Errorf("%s was recognised as %+v", p.Preset, s)
		}
		delete(tensors, "encoder.6.weight")
		if _, err := InferSpec(tensors); err == nil || !strings.Contains(err.Error(), "encoder.6.weight: expected") {
			t.Errorf("error %v, expected one that names the missing tensor", err)
		}
	}
}

func FuzzReadPyTorch(f *testing.F) {
	for _, file := range []string{"micro-zip.pt", "micro-legacy.pt", "variant-protocol4.pt"} {
		raw, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add(legacy(hugeTensor("K\x01", "K\x01", "K\x01")))
	f.Fuzz(func(t *testing.T, raw []byte) {
		tensors, err := parsePyTorch(raw, "")
		if err != nil {
			return
		}
		n := 0
		for _, tensor := range tensors {
			n += len(tensor.Float) + len(tensor.Int)
		}
		if n > maxExpansion*len(raw) {
			t.Errorf("%d values from %d bytes", n, len(raw))
		}
	})
}
