package eval

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"vigil/internal/regular"
)

// Data types and array classes of MATLAB's level 5 MAT-files ("MAT-File Format", The MathWorks).
const (
	miInt8       = 1
	miInt32      = 5
	miUint32     = 6
	miSingle     = 7
	miDouble     = 9
	miMatrix     = 14
	miCompressed = 15

	mxCell   = 1
	mxDouble = 6
	mxUint64 = 15
)

var miSize = map[uint32]int{1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8}

// maxMaskPixels bounds what a file's header can make the reader allocate.
const maxMaskPixels = 1 << 26

// matFile reads the masks of CUHK Avenue's labels: a level 5 MAT-file (save -v6 or -v7) whose variable volLabel is a
// cell array with a matrix for each frame, nonzero where it is abnormal. It is read sequentially, since the masks of a
// video take hundreds of megabytes uncompressed. Any other content is an error.
type matFile struct {
	file   io.Closer
	data   *bufio.Reader
	order  binary.ByteOrder
	frames int
	at     int
}

func openMat(path string) (*matFile, error) {
	f, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	m, err := parseMat(f)
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	m.file = f
	return m, nil
}

// parseMat reads as far as the first cell.
func parseMat(r io.Reader) (*matFile, error) {
	var head [128]byte
	m := &matFile{data: bufio.NewReaderSize(r, 1<<16), order: binary.LittleEndian}
	if _, err := io.ReadFull(m.data, head[:]); err != nil {
		return nil, errors.New("not a MAT-file: shorter than its header")
	}
	switch string(head[126:]) {
	case "IM":
	case "MI":
		m.order = binary.BigEndian
	default:
		return nil, errors.New("not a MAT-file of level 5")
	}
	if v := m.order.Uint16(head[124:]); v != 0x0100 {
		return nil, fmt.Errorf(
			"MAT-file version %#04x (0x0200 is save -v7.3, HDF5), want 0x0100: load it and save it with -v7", v)
	}
	outer := m.data
	for {
		m.data = outer
		kind, size, err := m.tag()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the file has no variable volLabel")
		}
		if err != nil {
			return nil, err
		}
		element := io.LimitReader(outer, int64(size))
		rest := element
		if kind == miCompressed {
			unpacked, err := zlib.NewReader(element)
			if err != nil {
				return nil, fmt.Errorf("a compressed variable: %w", err)
			}
			m.data = bufio.NewReaderSize(unpacked, 1<<16)
			if kind, size, err = m.tag(); err != nil {
				return nil, truncated(err)
			}
			rest = m.data
		}
		if kind != miMatrix {
			return nil, fmt.Errorf("data of type %d where a variable should be", kind)
		}
		m.data = bufio.NewReaderSize(io.LimitReader(rest, int64(size)), 1<<16)
		class, dims, name, err := m.head()
		if err != nil {
			return nil, err
		}
		if name == "volLabel" {
			if class != mxCell || len(dims) != 2 || min(dims[0], dims[1]) != 1 || max(dims[0], dims[1]) > maxFrames {
				return nil, fmt.Errorf(
					"volLabel is an array of class %d and size %v, want a cell array with a cell for each frame",
					class, dims)
			}
			m.frames = dims[0] * dims[1]
			return m, nil
		}
		if _, err := io.Copy(io.Discard, element); err != nil {
			return nil, err
		}
	}
}

// truncated replaces an error at the end of the data by one that says that the file is truncated.
func truncated(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the file is truncated")
	}
	return err
}

// tag reads the type and the size in bytes of the next element. A small element has both in four bytes.
func (m *matFile) tag() (kind, size uint32, err error) {
	kind, size, small, err := m.peekTag()
	if err != nil {
		return 0, 0, err
	}
	if small {
		return 0, 0, errors.New("a small element where a variable should be")
	}
	_, err = m.data.Discard(8)
	return kind, size, err
}

func (m *matFile) peekTag() (kind, size uint32, small bool, err error) {
	b, err := m.data.Peek(8)
	if err != nil {
		if err == io.EOF && len(b) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return 0, 0, false, err
	}
	kind, size = m.order.Uint32(b), m.order.Uint32(b[4:])
	if kind>>16 != 0 {
		return kind & 0xffff, kind >> 16, true, nil
	}
	return kind, size, false, nil
}

// element reads the data of an element of at most limit bytes, with its padding.
func (m *matFile) element(want uint32, limit uint32) ([]byte, error) {
	kind, size, small, err := m.peekTag()
	if err != nil {
		return nil, truncated(err)
	}
	if kind != want || size > limit {
		return nil, fmt.Errorf("%d bytes of type %d where at most %d of type %d should be", size, kind, limit, want)
	}
	skip, total := 8, 8+int(size+7)/8*8
	if small {
		if size > 4 {
			return nil, fmt.Errorf("a small element of %d bytes", size)
		}
		skip, total = 4, 8
	}
	data := make([]byte, total)
	if _, err := io.ReadFull(m.data, data); err != nil {
		return nil, truncated(err)
	}
	return data[skip : skip+int(size)], nil
}

// head reads the class, the dimensions and the name of an array.
func (m *matFile) head() (class uint32, dims []int, name string, err error) {
	flags, err := m.element(miUint32, 8)
	if err != nil {
		return 0, nil, "", err
	}
	if len(flags) != 8 {
		return 0, nil, "", fmt.Errorf("array flags of %d bytes, want 8", len(flags))
	}
	class = m.order.Uint32(flags) & 0xff
	sizes, err := m.element(miInt32, 4*32)
	if err != nil {
		return 0, nil, "", err
	}
	for i := 0; i+4 <= len(sizes); i += 4 {
		d := int(int32(m.order.Uint32(sizes[i:])))
		if d < 0 {
			return 0, nil, "", fmt.Errorf("an array with a dimension of %d", d)
		}
		dims = append(dims, d)
	}
	text, err := m.element(miInt8, 64)
	return class, dims, string(bytes.TrimRight(text, "\x00")), err
}

// Next implements MaskReader.
func (m *matFile) Next(_ context.Context, mask *Mask) error {
	if m.at == m.frames {
		return io.EOF
	}
	m.at++
	if err := m.cell(mask); err != nil {
		return fmt.Errorf("volLabel{%d} of %d: %w", m.at, m.frames, err)
	}
	return nil
}

func (m *matFile) cell(mask *Mask) error {
	kind, _, err := m.tag()
	if err != nil {
		return truncated(err)
	}
	if kind != miMatrix {
		return fmt.Errorf("data of type %d, want a matrix", kind)
	}
	class, dims, _, err := m.head()
	if err != nil {
		return err
	}
	if class < mxDouble || class > mxUint64 || len(dims) != 2 || dims[0] < 1 || dims[1] < 1 ||
		dims[0] > maxMaskPixels/dims[1] {
		return fmt.Errorf("an array of class %d and size %v, want a matrix of numbers", class, dims)
	}
	kind, size, small, err := m.peekTag()
	if err != nil {
		return truncated(err)
	}
	it := item{size: miSize[kind], float: kind == miSingle || kind == miDouble, big: m.order == binary.BigEndian}
	if it.size == 0 || int64(size) != int64(it.size)*int64(dims[0])*int64(dims[1]) {
		return fmt.Errorf("%d bytes of type %d for %dx%d numbers", size, kind, dims[0], dims[1])
	}
	tag, padding := 8, int(-size&7)
	if small {
		tag, padding = 4, int(4-size)
		if size > 4 {
			return fmt.Errorf("a small element of %d bytes", size)
		}
	}
	if _, err := m.data.Discard(tag); err != nil {
		return truncated(err)
	}
	height, width := dims[0], dims[1]
	mask.resize(width, height)
	column := make([]byte, height*it.size) // MATLAB's order is column-major
	for x := range width {
		if _, err := io.ReadFull(m.data, column); err != nil {
			return truncated(err)
		}
		for y := range height {
			mask.Abnormal[y*width+x] = it.nonzero(column[y*it.size : (y+1)*it.size])
		}
	}
	_, err = m.data.Discard(padding)
	return truncated(err)
}

// Close closes the file.
func (m *matFile) Close() error { return m.file.Close() }

// readLabelsMat returns for each frame whether its mask has an abnormal pixel.
func readLabelsMat(ctx context.Context, path string) ([]bool, error) {
	labels, err := labelsOfMasks(ctx, func(context.Context) (MaskReader, error) { return openMat(path) })
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return labels, nil
}
