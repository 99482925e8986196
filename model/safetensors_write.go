package model

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"

	"vigil/internal/output"
)

// WriteSafetensors writes tensors, as F32 and I64, and metadata. Equal content gives equal bytes. The file is replaced
// atomically, also across a power failure.
func WriteSafetensors(path string, tensors map[string]Tensor, meta map[string]string) error {
	head := map[string]any{}
	if len(meta) > 0 {
		head[metadataKey] = meta
	}
	names := slices.Sorted(maps.Keys(tensors))
	at := int64(0)
	for _, name := range names {
		t := tensors[name]
		e := entry{DType: "F32", Shape: make([]int64, len(t.Shape)), Offsets: []int64{at, at + 4*int64(len(t.Float))}}
		if t.Int != nil {
			e.DType, e.Offsets[1] = "I64", at+8*int64(len(t.Int))
		}
		for i, d := range t.Shape {
			e.Shape[i] = int64(d)
		}
		if n, err := elementCount(e.Shape); err != nil || n != int64(len(t.Float)+len(t.Int)) {
			return fmt.Errorf("%s: tensor %s of shape %v has %d values", path, name, t.Shape, len(t.Float)+len(t.Int))
		}
		head[name] = e
		at = e.Offsets[1]
	}
	text, err := json.Marshal(head)
	if err != nil {
		return err
	}
	// Data aligned to 8 bytes can be memory-mapped.
	text = append(text, bytes.Repeat([]byte{' '}, (8-len(text)%8)%8)...)
	return writeAtomic(path, func(w io.Writer) error {
		if _, err := w.Write(append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...)); err != nil {
			return err
		}
		var raw []byte
		for _, name := range names {
			raw = raw[:0]
			for _, v := range tensors[name].Float {
				raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
			}
			for _, v := range tensors[name].Int {
				raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
			}
			if _, err := w.Write(raw); err != nil {
				return err
			}
		}
		return nil
	})
}

// writeAtomic replaces the file at path atomically; a device or a pipe is written to directly.
func writeAtomic(path string, write func(io.Writer) error) (err error) {
	f, err := output.Create(path, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		// After Commit this does nothing.
		if failed := f.Discard(); err == nil {
			err = failed
		}
	}()
	if err := write(f); err != nil {
		return err
	}
	return f.Commit()
}
