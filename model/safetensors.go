package model

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"

	"vigil/internal/errcode"
	"vigil/internal/regular"
)

const (
	// maxFile bounds what is read into memory; the paper's network takes 26 MB.
	maxFile = 1 << 30
	// maxHeader bounds the header of a safetensors file.
	maxHeader = 16 << 20
	maxRank   = 8
	// metadataKey is the header entry that holds metadata instead of a tensor.
	metadataKey = "__metadata__"
)

// entry is a tensor's entry in the header of a safetensors file.
type entry struct {
	DType   string  `json:"dtype"`
	Shape   []int64 `json:"shape"`
	Offsets []int64 `json:"data_offsets"`
}

// ReadSafetensors reads the tensors and the metadata of a file. It is strict: every byte of the data must belong to
// exactly one tensor. Floating-point values become float32, integers int64.
func ReadSafetensors(path string) (map[string]Tensor, map[string]string, error) {
	raw, err := readFile(path)
	if err != nil {
		return nil, nil, err
	}
	tensors, meta, err := parseSafetensors(raw)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, withCode(err))
	}
	return tensors, meta, nil
}

// withCode gives an error about the content of a file of weights its code, where it has none.
func withCode(err error) error {
	if errcode.Of(err) != "" {
		return err
	}
	return errcode.WeightsWrongKind.Wrap(err)
}

// readFile reads a regular file of at most maxFile bytes.
func readFile(path string) ([]byte, error) {
	f, err := regular.Open(path)
	if err != nil {
		return nil, errcode.WeightsNotReadable.Wrap(err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, errcode.WeightsNotReadable.Wrap(err)
	}
	if info.IsDir() {
		return nil, errcode.WeightsNotReadable.Wrap(fmt.Errorf("%s: is a folder, expected a file of weights", path))
	}
	// Of a file that is too large, only the start is read, to name its kind.
	limit := int64(maxFile)
	if info.Size() > limit {
		limit = 4096
	}
	raw, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, errcode.WeightsNotReadable.Wrap(err)
	}
	if int64(len(raw)) > limit {
		return nil, errcode.WeightsWrongKind.Wrap(fmt.Errorf("%s: %s, larger than %d bytes, too large for weights",
			path, FileKind(raw), maxFile))
	}
	return raw, nil
}

func parseSafetensors(raw []byte) (map[string]Tensor, map[string]string, error) {
	if !isSafetensors(raw) {
		return nil, nil, fmt.Errorf("not a safetensors file but %s", describeNonWeights(raw))
	}
	n := binary.LittleEndian.Uint64(raw)
	if n > uint64(len(raw)-8) {
		return nil, nil,
			fmt.Errorf("truncated: the header has %d bytes, the file ends after %d of them: copy the file again", n,
				len(raw)-8)
	}
	entries, meta, err := parseHeader(raw[8 : 8+n])
	if err != nil {
		return nil, nil, fmt.Errorf("safetensors header: %w", err)
	}
	data := raw[8+n:]
	if err := checkLayout(entries, int64(len(data))); err != nil {
		return nil, nil, err
	}
	tensors := make(map[string]Tensor, len(entries))
	for name, e := range entries {
		t, err := decodeValues(e.DType, data[e.Offsets[0]:e.Offsets[1]])
		if err != nil {
			return nil, nil, fmt.Errorf("tensor %s: %w", shorten(name), err)
		}
		t.Shape = make([]int, len(e.Shape))
		for i, d := range e.Shape {
			t.Shape[i] = int(d)
		}
		tensors[name] = t
	}
	return tensors, meta, nil
}

// parseHeader reads the header entry by entry, since a map would hide duplicate names.
func parseHeader(head []byte) (map[string]entry, map[string]string, error) {
	d := json.NewDecoder(bytes.NewReader(head))
	d.DisallowUnknownFields()
	if tok, err := d.Token(); err != nil || tok != json.Delim('{') {
		return nil, nil, errors.New("expected a JSON object")
	}
	entries, meta := map[string]entry{}, map[string]string(nil)
	for d.More() {
		tok, err := d.Token()
		if err != nil {
			return nil, nil, err
		}
		name, ok := tok.(string)
		if !ok {
			return nil, nil, fmt.Errorf("expected a name, found %v", tok)
		}
		if name == metadataKey {
			if meta != nil {
				return nil, nil, errors.New("two entries of metadata")
			}
			meta = map[string]string{}
			if err := d.Decode(&meta); err != nil {
				return nil, nil, fmt.Errorf("metadata: %w", err)
			}
			continue
		}
		if _, twice := entries[name]; twice {
			return nil, nil, fmt.Errorf("tensor %s comes twice", shorten(name))
		}
		var e entry
		if err := d.Decode(&e); err != nil {
			return nil, nil, fmt.Errorf("tensor %s: %w", shorten(name), err)
		}
		entries[name] = e
	}
	if _, err := d.Token(); err != nil {
		return nil, nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, errors.New("something follows the JSON object")
	}
	return entries, meta, nil
}

// checkLayout checks the entries against the data: sizes must fit the shapes, without overlaps, gaps or leftover bytes.
func checkLayout(entries map[string]entry, size int64) error {
	// In the order of the data, so that the same fault is always reported first.
	begin := func(name string) int64 {
		if o := entries[name].Offsets; len(o) == 2 {
			return o[0]
		}
		return -1
	}
	names := slices.SortedFunc(maps.Keys(entries), func(a, b string) int {
		return cmp.Or(cmp.Compare(begin(a), begin(b)), cmp.Compare(a, b))
	})
	for _, name := range names {
		e := entries[name]
		width, ok := valueBytes[e.DType]
		if !ok {
			return fmt.Errorf("tensor %s: type %s is not supported, expected F16, BF16, F32, F64, I32 or I64",
				shorten(name), shorten(e.DType))
		}
		if len(e.Offsets) != 2 || e.Offsets[0] < 0 || e.Offsets[1] < e.Offsets[0] {
			return fmt.Errorf("tensor %s: data_offsets %v, expected a begin and an end", shorten(name), e.Offsets)
		}
		want, err := elementCount(e.Shape)
		if err != nil {
			return fmt.Errorf("tensor %s: %w", shorten(name), err)
		}
		if have := e.Offsets[1] - e.Offsets[0]; have != want*width {
			return fmt.Errorf("tensor %s: shape %v of %s takes %d bytes, its data_offsets give %d", shorten(name),
				e.Shape, e.DType, want*width, have)
		}
		if e.Offsets[1] > size {
			return fmt.Errorf("truncated: tensor %s ends at byte %d of the data, the file has %d: copy the file again",
				shorten(name), e.Offsets[1], size)
		}
	}
	slices.SortStableFunc(names, func(a, b string) int {
		x, y := entries[a].Offsets, entries[b].Offsets
		return cmp.Or(cmp.Compare(x[0], y[0]), cmp.Compare(x[1], y[1]))
	})
	at := int64(0)
	for _, name := range names {
		if begin := entries[name].Offsets[0]; begin != at {
			return fmt.Errorf("tensor %s: begins at byte %d of the data, expected %d, where the one before it ends",
				shorten(name), begin, at)
		}
		at = entries[name].Offsets[1]
	}
	if at != size {
		return fmt.Errorf("%d bytes follow the last tensor", size-at)
	}
	return nil
}

// elementCount is the product of a shape's dimensions, at most maxFile.
func elementCount(shape []int64) (int64, error) {
	if len(shape) > maxRank {
		return 0, fmt.Errorf("%d dimensions, the limit is %d", len(shape), maxRank)
	}
	n := int64(1)
	for _, d := range shape {
		if d < 0 || d > maxFile {
			return 0, fmt.Errorf("shape %v has a dimension of %d", shape, d)
		}
		if n *= d; n > maxFile {
			return 0, fmt.Errorf("shape %v has more values than any weights", shape)
		}
	}
	return n, nil
}

// valueBytes is the size of a value of each supported type.
var valueBytes = map[string]int64{"F16": 2, "BF16": 2, "F32": 4, "F64": 8, "I32": 4, "I64": 8}

// decodeValues converts little-endian values to a tensor without a shape.
func decodeValues(dtype string, raw []byte) (Tensor, error) {
	n := len(raw) / int(valueBytes[dtype])
	var t Tensor
	switch dtype {
	case "I32", "I64":
		t.Int = make([]int64, n)
	default:
		t.Float = make([]float32, n)
	}
	switch dtype {
	case "F32":
		for i := range t.Float {
			t.Float[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		}
	case "F64":
		for i := range t.Float {
			t.Float[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(raw[8*i:])))
		}
	case "F16":
		for i := range t.Float {
			t.Float[i] = fromHalf(binary.LittleEndian.Uint16(raw[2*i:]))
		}
	case "BF16":
		for i := range t.Float {
			t.Float[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(raw[2*i:])) << 16)
		}
	case "I32":
		for i := range t.Int {
			t.Int[i] = int64(int32(binary.LittleEndian.Uint32(raw[4*i:])))
		}
	case "I64":
		for i := range t.Int {
			t.Int[i] = int64(binary.LittleEndian.Uint64(raw[8*i:]))
		}
	default:
		return t, fmt.Errorf("type %s is not supported", shorten(dtype))
	}
	return t, nil
}

// fromHalf converts an IEEE 754 half-precision value.
func fromHalf(h uint16) float32 {
	sign, exp, frac := float64(1), int(h>>10)&31, int(h&1023)
	if h>>15 != 0 {
		sign = -1
	}
	switch exp {
	case 0:
		return float32(sign * math.Ldexp(float64(frac), -24))
	case 31:
		if frac != 0 {
			return float32(math.NaN())
		}
		return float32(math.Inf(int(sign)))
	}
	return float32(sign * math.Ldexp(float64(1024+frac), exp-25))
}
