package model

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
)

// NetworkTensors are the tensors of PyTorch's module, without vigil's own Background.
func (w *Weights) NetworkTensors() map[string]Tensor {
	tensors := maps.Clone(w.Tensors)
	delete(tensors, Background)
	return tensors
}

// WritePyTorch writes tensors as torch.save writes a state dict; torch.load reads it, also with weights_only=True.
// Equal content gives equal bytes. The file is replaced atomically.
func WritePyTorch(path string, tensors map[string]Tensor) error {
	names := slices.Sorted(maps.Keys(tensors))
	for _, name := range names {
		t := tensors[name]
		n := 1
		for _, d := range t.Shape {
			n *= d
		}
		if n != len(t.Float)+len(t.Int) {
			return fmt.Errorf("%s: tensor %s of shape %v has %d values", path, name, t.Shape, len(t.Float)+len(t.Int))
		}
	}
	return writeAtomic(path, func(w io.Writer) error {
		z := zip.NewWriter(w)
		record := func(name string, data []byte) error {
			r, err := z.CreateRaw(&zip.FileHeader{
				Name: "archive/" + name, Method: zip.Store, CRC32: crc32.ChecksumIEEE(data),
				CompressedSize64: uint64(len(data)), UncompressedSize64: uint64(len(data)),
				ModifiedDate: 1<<5 | 1, //nolint:staticcheck // 1980-01-01, the first; CreateRaw heeds no other
			})
			if err == nil {
				_, err = r.Write(data)
			}
			return err
		}
		if err := record("data.pkl", pickleStateDict(names, tensors)); err != nil {
			return err
		}
		if err := record("byteorder", []byte("little")); err != nil {
			return err
		}
		for i, name := range names {
			if err := record("data/"+strconv.Itoa(i), tensors[name].bytes()); err != nil {
				return err
			}
		}
		if err := record("version", []byte("3\n")); err != nil {
			return err
		}
		return z.Close()
	})
}

// bytes are the values in little-endian order.
func (t Tensor) bytes() []byte {
	raw := make([]byte, 0, 4*len(t.Float)+8*len(t.Int))
	for _, v := range t.Float {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	for _, v := range t.Int {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
	}
	return raw
}

// pickleStateDict is an OrderedDict of tensors in pickle protocol 2. Each tensor is a view of its own storage, whose
// key is the tensor's index.
func pickleStateDict(names []string, tensors map[string]Tensor) []byte {
	var b bytes.Buffer
	number := func(n int) { b.Write(binary.LittleEndian.AppendUint32([]byte{'J'}, uint32(int32(n)))) }
	text := func(s string) {
		b.Write(binary.LittleEndian.AppendUint32([]byte{'X'}, uint32(len(s))))
		b.WriteString(s)
	}
	numbers := func(all []int) {
		b.WriteByte('(')
		for _, n := range all {
			number(n)
		}
		b.WriteByte('t')
	}
	const empty = "ccollections\nOrderedDict\n)R"
	b.WriteString("\x80\x02" + empty + "(")
	for i, name := range names {
		t := tensors[name]
		storage := "FloatStorage"
		if t.Int != nil {
			storage = "LongStorage"
		}
		text(name)
		b.WriteString("ctorch._utils\n_rebuild_tensor_v2\n((")
		text("storage")
		b.WriteString("ctorch\n" + storage + "\n")
		text(strconv.Itoa(i))
		text("cpu")
		number(len(t.Float) + len(t.Int))
		b.WriteString("tQ")
		number(0)
		numbers(t.Shape)
		strides := make([]int, len(t.Shape))
		for d, step := len(t.Shape)-1, 1; d >= 0; d-- {
			strides[d] = step
			step *= t.Shape[d]
		}
		numbers(strides)
		b.WriteString("\x89" + empty + "tR")
	}
	b.WriteString("u.")
	return b.Bytes()
}
