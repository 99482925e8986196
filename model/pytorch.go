package model

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"path"
	"strings"

	"github.com/nlpodyssey/gopickle/types"
)

// storageReader returns the bytes of a storage.
type storageReader func(ref *storageRef) ([]byte, error)

// ReadPyTorch reads the state dict in a file of torch.save, in the zip format or the legacy format of PyTorch before
// 1.6. The state dict may be nested in other dicts, and its names may share a prefix such as "module.". Nothing in the
// file is executed, and allocations stay within a small multiple of the file's size.
func ReadPyTorch(path string) (map[string]Tensor, error) {
	raw, err := readFile(path)
	if err != nil {
		return nil, err
	}
	tensors, err := parsePyTorch(raw, "")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, withCode(err))
	}
	return tensors, nil
}

// parsePyTorch reads the network selected by prefix; see selectNetwork.
func parsePyTorch(raw []byte, prefix string) (map[string]Tensor, error) {
	var object any
	var find storageReader
	var err error
	budget := len(raw)
	switch {
	case bytes.HasPrefix(raw, []byte("PK\x03\x04")):
		object, find, budget, err = openZip(raw)
	case len(raw) > 0 && raw[0] == 0x80:
		object, find, err = openLegacy(raw)
	default:
		return nil, fmt.Errorf("%s, not a file of torch.save and not safetensors: %s", FileKind(raw), saveHint)
	}
	if err != nil {
		return nil, err
	}
	all, err := collectTensors(object)
	if err != nil {
		return nil, err
	}
	refs, err := selectNetwork(all, prefix)
	if err != nil {
		return nil, err
	}
	tensors := make(map[string]Tensor, len(refs))
	for name, ref := range refs {
		t, err := ref.read(find, &budget)
		if err != nil {
			return nil, fmt.Errorf("tensor %s: %w", shorten(name), err)
		}
		tensors[name] = t
	}
	return tensors, nil
}

// maxExpansion bounds the ratio of uncompressed to compressed size. PyTorch does not compress, but repacking an archive
// may; weights hardly compress.
const maxExpansion = 16

// openZip reads the object of a zip archive: <name>/data.pkl and a record <name>/data/<key> for each storage. size is
// the total size of the records in bytes.
func openZip(raw []byte) (object any, find storageReader, size int, err error) {
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return nil, nil, 0, fmt.Errorf("truncated or damaged zip archive: %w: copy the file again", err)
	}
	records, root, found := map[string]*zip.File{}, "", false
	for _, f := range z.File {
		records[f.Name] = f
		if path.Base(f.Name) == "data.pkl" {
			root, found = strings.TrimSuffix(f.Name, "data.pkl"), true
		}
		// Claimed sizes are capped, since their sum may overflow.
		size += int(min(f.UncompressedSize64, maxFile))
	}
	if !found {
		return nil, nil, 0, fmt.Errorf("a zip archive, but not one of torch.save, which has a data.pkl: %s", saveHint)
	}
	size = min(size, maxExpansion*len(raw), maxFile)
	budget := size
	record := func(name string) ([]byte, error) {
		f, ok := records[root+name]
		if !ok {
			return nil, fmt.Errorf("the archive has no record %s", shorten(root+name))
		}
		return readRecord(f, &budget)
	}
	if _, script := records[root+"constants.pkl"]; script {
		return nil, nil, 0, fmt.Errorf("a TorchScript archive, expected a state dict: %s", saveHint)
	}
	// Files of PyTorch before 2.1 do not state the byte order; it is little-endian.
	if _, ok := records[root+"byteorder"]; ok {
		order, err := record("byteorder")
		if err != nil {
			return nil, nil, 0, err
		}
		if string(order) != "little" {
			return nil, nil, 0, fmt.Errorf("byte order %s, expected little: load and save the state dict again on a PC",
				shorten(string(order)))
		}
	}
	b, err := record("data.pkl")
	if err != nil {
		return nil, nil, 0, err
	}
	b, _, err = scanPickle(b)
	if err != nil {
		return nil, nil, 0, err
	}
	if object, err = unpickle(b); err != nil {
		return nil, nil, 0, err
	}
	read := map[string][]byte{}
	return object, func(ref *storageRef) ([]byte, error) {
		if b, ok := read[ref.key]; ok {
			return b, nil
		}
		b, err := record("data/" + ref.key)
		if err == nil {
			read[ref.key] = b
		}
		return b, err
	}, size, nil
}

// readRecord reads a record. budget is the number of bytes that may still be read, since records can overlap.
func readRecord(f *zip.File, budget *int) ([]byte, error) {
	if f.Method != zip.Store && f.Method != zip.Deflate {
		return nil, fmt.Errorf("record %s is compressed by method %d: pack the archive anew, without compression",
			shorten(f.Name), f.Method)
	}
	if f.UncompressedSize64 > uint64(*budget) {
		return nil, fmt.Errorf("record %s would have %d bytes, more than such a file holds", shorten(f.Name),
			f.UncompressedSize64)
	}
	*budget -= int(f.UncompressedSize64)
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", shorten(f.Name), err)
	}
	defer func() { _ = r.Close() }()
	b, err := io.ReadAll(io.LimitReader(r, int64(f.UncompressedSize64)))
	if err == nil && uint64(len(b)) < f.UncompressedSize64 {
		err = errTruncated
	}
	if err == nil {
		// The checksum is verified by the read that reaches the end of the record.
		_, err = r.Read(make([]byte, 1))
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("record %s: %w", shorten(f.Name), err)
	}
	return b, nil
}

// The legacy format's first two pickles.
var legacyMagic, _ = new(big.Int).SetString("1950a86a20f9469cfc6c", 16)

const legacyProtocol = 1001

// openLegacy reads the format of PyTorch before 1.6: pickles of a magic number, a protocol, the machine's properties,
// the object and the storages' keys; then, for each key, the number of values and the values.
func openLegacy(raw []byte) (any, storageReader, error) {
	var values [5]any
	rest := raw
	for i, what := range []string{"magic number", "protocol", "machine's properties", "object", "list of storages"} {
		b, after, err := scanPickle(rest)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", what, err)
		}
		if values[i], err = unpickle(b); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", what, err)
		}
		rest = after
		if n, ok := values[0].(*big.Int); !ok || n.Cmp(legacyMagic) != 0 {
			return nil, nil, fmt.Errorf("a pickle of %s, but not of torch.save, which begins with a magic number: %s",
				kindOf(values[0]), saveHint)
		}
	}
	if values[1] != legacyProtocol {
		return nil, nil, fmt.Errorf("protocol %v, expected %d", values[1], legacyProtocol)
	}
	keys, ok := values[4].(*types.List)
	if !ok {
		return nil, nil, errors.New("the list of storages is not a list")
	}
	order := map[string]int{}
	for i := range keys.Len() {
		key, ok := keys.Get(i).(string)
		if _, twice := order[key]; !ok || twice {
			return nil, nil, errors.New("the list of storages has an entry that is not a unique name")
		}
		order[key] = i
	}
	return values[3], legacyStorages(rest, values[3], order), nil
}

// legacyStorages splits the data after the pickles into storages. The width of their values is given only in the
// object.
func legacyStorages(data []byte, object any, order map[string]int) storageReader {
	width := make([]int64, len(order))
	visitStorages(object, func(ref *storageRef) {
		if i, ok := order[ref.key]; ok {
			width[i] = legacyWidth(ref.dtype)
		}
	})
	found := make([][]byte, len(order))
	for i := range found {
		if width[i] == 0 || len(data) < 8 {
			break
		}
		n := binary.LittleEndian.Uint64(data)
		if n > uint64(len(data)-8)/uint64(width[i]) {
			break
		}
		end := 8 + int(n)*int(width[i])
		found[i], data = data[8:end], data[end:]
	}
	return func(ref *storageRef) ([]byte, error) {
		i, ok := order[ref.key]
		if !ok {
			return nil, fmt.Errorf("the file has no storage %s", shorten(ref.key))
		}
		if found[i] == nil {
			return nil, fmt.Errorf("%w: the file ends before storage %s, where %d values were expected", errTruncated,
				shorten(ref.key), ref.length)
		}
		return found[i], nil
	}
}
