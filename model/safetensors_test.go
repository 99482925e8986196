package model

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// file is a safetensors file with this header.
func file(header, data string) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header+data...)
}

func TestParseSafetensors(t *testing.T) {
	const two = `"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}`
	for _, c := range []struct {
		name string
		raw  []byte
		want string // in the error; empty if the file is valid
	}{
		{"two tensors", file(`{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},`+two+`}`, "12345678"), ""},
		{"spaces after the object", file(`{}   `, ""), ""},
		{"an empty tensor", file(`{"a":{"dtype":"F32","shape":[0,3],"data_offsets":[0,0]}}`, ""), ""},
		{"metadata", file(`{"__metadata__":{"a":"b"}}`, ""), ""},
		{"nothing", nil, "an empty file"},
		{"a header that the file does not hold", file(`{}`, "")[:9], "truncated"},
		{"a header of 2^62 bytes", binary.LittleEndian.AppendUint64(nil, 1<<62), "not a safetensors file but"},
		{
			"a header of 2^64-1 bytes", binary.LittleEndian.AppendUint64(nil, math.MaxUint64),
			"not a safetensors file but",
		},
		{"no JSON", file(`xx`, ""), "not a safetensors file but"},
		{"a list", file(`[]`, ""), "not a safetensors file but"},
		{"half an object", file(`{"a":`, ""), "header"},
		{"more after the object", file(`{}{}`, ""), "follows"},
		{"metadata of numbers", file(`{"__metadata__":{"a":1}}`, ""), "metadata"},
		{"metadata twice", file(`{"__metadata__":{},"__metadata__":{}}`, ""), "two"},
		{"a tensor twice", file(`{`+two+`,`+two+`}`, "12345678"), "twice"},
		{"an unknown field", file(`{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4],"x":1}}`, "1234"), `"a"`},
		{"an unknown type", file(`{"a":{"dtype":"F8","shape":[],"data_offsets":[0,4]}}`, "1234"), "F8"},
		{"one offset", file(`{"a":{"dtype":"F32","shape":[],"data_offsets":[0]}}`, "1234"), "begin and an end"},
		{
			"offsets backwards", file(`{"a":{"dtype":"F32","shape":[],"data_offsets":[4,0]}}`, "1234"),
			"begin and an end",
		},
		{
			"a negative offset", file(`{"a":{"dtype":"F32","shape":[],"data_offsets":[-4,0]}}`, "1234"),
			"begin and an end",
		},
		{
			"a shape that does not fit", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, "1234"),
			"takes 8 bytes",
		},
		{
			"a negative shape", file(`{"a":{"dtype":"F32","shape":[-1,-1],"data_offsets":[0,4]}}`, "1234"),
			"dimension of -1",
		},
		{"a shape that overflows", file(`{"a":{"dtype":"F32","shape":[1073741824,1073741824,16],"data_offsets":[0,0]}}`,
			""), "more values"},
		{
			"too many dimensions", file(`{"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}}`,
				"1234"),
			"9 dimensions",
		},
		{"data cut off", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, "1234"), "truncated"},
		{
			"an overlap", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},`+two+`}`, "12345678"),
			"begins at byte 4",
		},
		{"a gap", file(`{`+two+`}`, "12345678"), "begins at byte 4"},
		{"bytes left over", file(`{}`, "1"), "1 bytes follow"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := parseSafetensors(c.raw)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, expected %q", err, c.want)
			}
		})
	}
}

func TestDecode(t *testing.T) {
	half := func(h ...uint16) (raw []byte) {
		for _, v := range h {
			raw = binary.LittleEndian.AppendUint16(raw, v)
		}
		return raw
	}
	inf := float32(math.Inf(1))
	for _, c := range []struct {
		dtype string
		raw   []byte
		want  []float32
	}{
		{"F16", half(0, 0x3c00, 0xbc00, 1, 0x83ff, 0x7bff, 0x7c00, 0xfc00), []float32{
			0, 1, -1, 0x1p-24, -0x1.ff8p-15,
			65504, inf, -inf,
		}},
		{"BF16", half(0x3f80, 0xc000), []float32{1, -2}},
		{"F64", binary.LittleEndian.AppendUint64(nil, math.Float64bits(0.1)), []float32{0.1}},
		{"F32", binary.LittleEndian.AppendUint32(nil, math.Float32bits(-7)), []float32{-7}},
	} {
		got, err := decodeValues(c.dtype, c.raw)
		if err != nil || !slices.Equal(got.Float, c.want) {
			t.Errorf("%s: %v, %v, want %v", c.dtype, got.Float, err, c.want)
		}
	}
	if v := fromHalf(0x7e00); v == v {
		t.Errorf("a NaN became %v", v)
	}
	got, err := decodeValues("I32", binary.LittleEndian.AppendUint32(nil, 1<<31))
	if err != nil || !slices.Equal(got.Int, []int64{math.MinInt32}) {
		t.Errorf("I32: %v, %v", got.Int, err)
	}
}

func TestWeightsRoundTrip(t *testing.T) {
	g := readGolden(t, Cosine)
	w := g.weights
	w.Name, w.Version, w.Spec.Score, w.Spec.Lambda = "gate", "3", BlockSq, 0.1234567890123
	w.Spec.Last = 4
	w.Notes = map[string]string{"trained": "ped2"}
	path := filepath.Join(t.TempDir(), "w.safetensors")
	for range 2 { // the second time, the file is replaced
		if err := w.Write(path); err != nil {
			t.Fatal(err)
		}
	}
	got, err := ReadWeights(path)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, w) {
		t.Errorf("read back differs: %+v, %+v", got.Spec, got.Notes)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); len(left) != 1 {
		t.Errorf("the folder holds %v", left)
	}
	m, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if m.Spec() != w.Spec || m.Name() != "gate" || m.Version() != "3" || len(m.Hash()) != 64 {
		t.Errorf("loaded as %+v, %q, %q, %q", m.Spec(), m.Name(), m.Version(), m.Hash())
	}
	w.Version = ""
	if err := w.Write(path); err != nil {
		t.Fatal(err)
	}
	if m, err = Load(path); err != nil {
		t.Fatal(err)
	}
	if m.Version() != m.Hash()[:12] {
		t.Errorf("weights without a version have %q, want the beginning of %s", m.Version(), m.Hash())
	}
}

func TestWriteIsAtomic(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "w.safetensors")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	w := readGolden(t, Dot).weights
	w.Tensors["decoder.9.bias"] = Tensor{Shape: []int{1}, Float: []float32{float32(math.NaN())}}
	if err := w.Write(path); err == nil || !strings.Contains(err.Error(), "decoder.9.bias") {
		t.Errorf("error %v, expected one that names the tensor", err)
	}
	broken := errors.New("disk full")
	if err := writeAtomic(path, func(w io.Writer) error { _, _ = w.Write([]byte("new")); return broken }); !errors.Is(
		err, broken) {
		t.Errorf("error %v", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "old" {
		t.Errorf("the file holds %q", b)
	}
	if all, _ := os.ReadDir(dir); len(all) != 1 {
		t.Errorf("%d files are left", len(all))
	}
}

func TestLoadErrors(t *testing.T) {
	dir := t.TempDir()
	change := func(name string, f func(w *Weights, meta map[string]string)) string {
		w := readGolden(t, Dot).weights
		meta := w.metadata()
		f(w, meta)
		path := filepath.Join(dir, name)
		if err := WriteSafetensors(path, w.Tensors, meta); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("this is a text, no weights"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path string
		want []string
	}{
		{filepath.Join(dir, "absent"), []string{"absent"}},
		{dir, []string{"folder"}},
		{text, []string{"text", "not a safetensors file"}},
		{filepath.Join("testdata", "golden-dot.safetensors"), []string{"vigil model import"}},
		{
			change("missing", func(w *Weights, _ map[string]string) { delete(w.Tensors, "encoder.4.bias") }),
			[]string{"encoder.4.bias", "expected shape [5]", "found nothing"},
		},
		{
			change("shape",
				func(w *Weights, _ map[string]string) { w.Tensors["encoder.4.bias"] = w.Tensors["encoder.1.bias"] }),
			[]string{"encoder.4.bias", "expected shape [5], found [3]"},
		},
		{change("type", func(w *Weights, _ map[string]string) {
			w.Tensors["decoder.9.bias"] = Tensor{Shape: []int{1}, Int: []int64{1}}
		}), []string{"decoder.9.bias", "expected floating point"}},
		{
			change("variance",
				func(w *Weights, _ map[string]string) { w.Tensors["encoder.1.running_var"].Float[1] = -1 }),
			[]string{"encoder.1.running_var", "-1 at index 1"},
		},
		{
			change("extra", func(w *Weights, _ map[string]string) {
				w.Tensors["fc.weight"] = Tensor{Shape: []int{0}, Float: []float32{}}
			}),
			[]string{"fc.weight", "no such tensor"},
		},
		{
			change("side", func(_ *Weights, m map[string]string) { m[keySide] = "40" }),
			[]string{"side 40", "multiple of 16"},
		},
		{change("word", func(_ *Weights, m map[string]string) { m[keySlots] = "many" }), []string{"slots", "many"}},
		{
			change("levels", func(_ *Weights, m map[string]string) { m[keyChannels] = "1,2" }),
			[]string{"channels", "1,2"},
		},
		{change("lambda", func(_ *Weights, m map[string]string) { m[keyLambda] = "NaN" }), []string{"lambda NaN"}},
		{
			change("addressing", func(_ *Weights, m map[string]string) { m[keyAddressing] = "l2" }),
			[]string{"addressing", "l2", "cosine"},
		},
		{change("score", func(_ *Weights, m map[string]string) { m[keyScore] = "x" }), []string{"score", "block_sq"}},
		{
			change("last", func(_ *Weights, m map[string]string) { m[keyLast] = "17" }),
			[]string{"last 17", "1 to 16 frames"},
		},
		{
			change("half", func(_ *Weights, m map[string]string) { m[keyLast] = "4.5" }),
			[]string{"last", "4.5", "whole number"},
		},
		{
			change("huge", func(_ *Weights, m map[string]string) { m[keySide] = "16384" }),
			[]string{"side 16384", "limit"},
		},
	} {
		_, err := Load(c.path)
		if err == nil {
			t.Errorf("%s: no error", c.path)
			continue
		}
		for _, part := range append(c.want, filepath.Base(c.path)) {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: error %q does not contain %q", c.path, err, part)
			}
		}
	}
}

func FuzzParseSafetensors(f *testing.F) {
	f.Add(file(`{"__metadata__":{"side":"16"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}`, "12345678"))
	f.Add(file(`{"a":{"dtype":"I64","shape":[],"data_offsets":[0,8]},"b":{"dtype":"BF16","shape":[1],"data_offsets":[8,10]}}`, "1234567890"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		tensors, meta, err := parseSafetensors(raw)
		if err != nil {
			return
		}
		path := filepath.Join(t.TempDir(), "x")
		if err := WriteSafetensors(path, tensors, meta); err != nil {
			t.Fatal(err)
		}
		again, _, err := ReadSafetensors(path)
		if err != nil || len(again) != len(tensors) {
			t.Fatalf("read back %d of %d tensors: %v", len(again), len(tensors), err)
		}
	})
}
