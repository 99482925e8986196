package eval

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"vigil/internal/regular"
)

// npyFile is a NumPy array file that is read sequentially. Existing libraries load the whole array, which may exceed
// the memory, and trust the header.
type npyFile struct {
	file  io.Closer
	data  *bufio.Reader
	shape []int
	item  item
}

// item is the encoding of an array's values.
type item struct {
	size  int
	float bool
	big   bool // the byte order
}

// nonzero reports whether the bytes of a value are a number other than 0.
func (it item) nonzero(b []byte) bool {
	for i, v := range b {
		if it.float && (i == 0 && it.big || i == len(b)-1 && !it.big) {
			v &= 0x7f // the sign
		}
		if v != 0 {
			return true
		}
	}
	return false
}

var (
	npyMagic = []byte("\x93NUMPY")
	npyDescr = regexp.MustCompile(`'descr':\s*'([<>|=])([biuf])([1248])'`)
	npyOrder = regexp.MustCompile(`'fortran_order':\s*(True|False)`)
	npyShape = regexp.MustCompile(`'shape':\s*\(([0-9, ]*)\)`)
)

func openNPY(path string) (*npyFile, error) {
	f, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	var n *npyFile
	if err == nil {
		n, err = parseNPY(f, info.Size())
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	n.file = f
	return n, nil
}

// parseNPY reads the header; size is the size of the whole file.
func parseNPY(r io.Reader, size int64) (*npyFile, error) {
	data := bufio.NewReaderSize(r, 1<<16)
	start := make([]byte, 8)
	if _, err := io.ReadFull(data, start); err != nil || !bytes.Equal(start[:6], npyMagic) {
		return nil, errors.New("not a NumPy array file")
	}
	width := 4
	switch start[6] {
	case 1:
		width = 2
	case 2, 3:
	default:
		return nil, fmt.Errorf("NumPy format %d is unknown, want 1, 2 or 3", start[6])
	}
	var count [4]byte
	if _, err := io.ReadFull(data, count[:width]); err != nil {
		return nil, errors.New("the header is truncated")
	}
	length := binary.LittleEndian.Uint32(count[:])
	if length > 1<<16 {
		return nil, fmt.Errorf("a header of %d bytes is no header of an array", length)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(data, text); err != nil {
		return nil, errors.New("the header is truncated")
	}
	n := &npyFile{data: data}
	descr, order, shape := npyDescr.FindSubmatch(text), npyOrder.FindSubmatch(text), npyShape.FindSubmatch(text)
	switch {
	case descr == nil || order == nil || shape == nil:
		return nil, fmt.Errorf("the header %q is not of an array of plain numbers", bytes.TrimSpace(text))
	case string(order[1]) == "True":
		return nil, errors.New(
			"the array is in Fortran's order, want C's: numpy.save(path, numpy.ascontiguousarray(a))")
	}
	n.item = item{size: int(descr[3][0] - '0'), float: descr[2][0] == 'f', big: descr[1][0] == '>'}
	total := int64(n.item.size)
	for field := range strings.SplitSeq(string(shape[1]), ",") {
		if field = strings.TrimSpace(field); field == "" {
			continue
		}
		d, err := strconv.Atoi(field)
		if err != nil || d < 1 || int64(d) > size {
			return nil, fmt.Errorf("the shape (%s) does not fit a file of %d bytes", shape[1], size)
		}
		if total *= int64(d); total > size {
			return nil, fmt.Errorf("the shape (%s) does not fit a file of %d bytes", shape[1], size)
		}
		n.shape = append(n.shape, d)
	}
	if header := int64(8 + width + len(text)); total != size-header {
		return nil, fmt.Errorf("an array of shape (%s) has %d bytes, the file has %d after its header", shape[1], total,
			size-header)
	}
	return n, nil
}

// readLabelsNPY reads an array with one value per frame, nonzero if it is abnormal.
func readLabelsNPY(path string) ([]bool, error) {
	n, err := openNPY(path)
	if err != nil {
		return nil, err
	}
	defer n.Close()
	labels, err := n.labels()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return labels, nil
}

func (n *npyFile) labels() ([]bool, error) {
	if len(n.shape) != 1 {
		return nil, fmt.Errorf("the array has the shape %v, want one value for each frame", n.shape)
	}
	labels := make([]bool, n.shape[0])
	return labels, n.fill(labels)
}

func (n *npyFile) fill(out []bool) error {
	value := make([]byte, n.item.size)
	for i := range out {
		if _, err := io.ReadFull(n.data, value); err != nil {
			return fmt.Errorf("value %d of %d: %w", i, len(out), err)
		}
		out[i] = n.item.nonzero(value)
	}
	return nil
}

// masksNPY reads the masks of a video from an array [frames][height][width].
type masksNPY struct {
	*npyFile
	at int
}

func openMasksNPY(path string) (MaskReader, error) {
	n, err := openNPY(path)
	if err != nil {
		return nil, err
	}
	if len(n.shape) != 3 {
		_ = n.Close()
		return nil, fmt.Errorf("%s: the array has the shape %v, want frames, height and width", path, n.shape)
	}
	return &masksNPY{npyFile: n}, nil
}

// Next implements MaskReader.
func (m *masksNPY) Next(_ context.Context, mask *Mask) error {
	if m.at == m.shape[0] {
		return io.EOF
	}
	m.at++
	mask.resize(m.shape[2], m.shape[1])
	return m.fill(mask.Abnormal)
}

// Close closes the file.
func (n *npyFile) Close() error { return n.file.Close() }
