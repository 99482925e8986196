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

// storages finds a storage's bytes by its key.
type storages func(ref *storageRef) ([]byte, error)

// ReadPyTorch reads the state dict in a file of torch.save, in the zip format or the one before PyTorch 1.6. The dict may be
// the file's object or its "state_dict", and its names may all begin with "module.". Nothing in the file is executed,
// and what is allocated stays within a small multiple of its size.
func ReadPyTorch(path string) (map[string]Tensor, error) {
	raw, err := readFile(path)
	if err != nil {
		return nil, err
	}
	tensors, err := parsePyTorch(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return tensors, nil
}

func parsePyTorch(raw []byte) (map[string]Tensor, error) {
	var object any
	var find storages
	var err error
	switch {
	case bytes.HasPrefix(raw, []byte("PK\x03\x04")):
		object, find, err = openZip(raw)
	case len(raw) > 0 && raw[0] == 0x80:
		object, find, err = openLegacy(raw)
	default:
		return nil, errors.New("not a file of torch.save: it begins neither as a zip archive nor as a pickle")
	}
	if err != nil {
		return nil, err
	}
	refs, err := stateDict(object)
	if err != nil {
		return nil, err
	}
	tensors := make(map[string]Tensor, len(refs))
	budget := len(raw)
	for name, ref := range refs {
		t, err := ref.read(find, &budget)
		if err != nil {
			return nil, fmt.Errorf("tensor %s: %w", shorten(name), err)
		}
		tensors[name] = t
	}
	return tensors, nil
}

// openZip reads the object of a zip archive: <name>/data.pkl and a record <name>/data/<key> for each storage.
func openZip(raw []byte) (any, storages, error) {
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return nil, nil, fmt.Errorf("truncated or damaged zip archive: %w", err)
	}
	records, root := map[string]*zip.File{}, ""
	for _, f := range z.File {
		records[f.Name] = f
		if path.Base(f.Name) == "data.pkl" {
			root = strings.TrimSuffix(f.Name, "data.pkl")
		}
	}
	budget := len(raw)
	record := func(name string) ([]byte, error) {
		f, ok := records[root+name]
		if !ok {
			return nil, fmt.Errorf("the archive has no record %s", shorten(root+name))
		}
		return readRecord(f, &budget)
	}
	if _, script := records[root+"constants.pkl"]; script {
		return nil, nil, errors.New("a TorchScript archive, expected a state dict: torch.save(net.state_dict(), …)")
	}
	if _, ok := records[root+"byteorder"]; ok {
		if order, err := record("byteorder"); err != nil || string(order) != "little" {
			return nil, nil, fmt.Errorf("byte order %s, expected little", shorten(string(order)))
		}
	}
	b, err := record("data.pkl")
	if err != nil {
		return nil, nil, err
	}
	b, _, err = scanPickle(b)
	if err != nil {
		return nil, nil, err
	}
	object, err := unpickle(b)
	if err != nil {
		return nil, nil, err
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
	}, nil
}

// readRecord reads a record, which PyTorch never compresses; so what is read is never larger than the file. budget is what may
// still be read, since records can overlap.
func readRecord(f *zip.File, budget *int) ([]byte, error) {
	if f.Method != zip.Store {
		return nil, fmt.Errorf("record %s is compressed, which PyTorch never does", shorten(f.Name))
	}
	if f.UncompressedSize64 > uint64(*budget) {
		return nil, fmt.Errorf("record %s would have %d bytes, more than the file", shorten(f.Name), f.UncompressedSize64)
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
		// The check sum is compared at the end of the record, one read further.
		_, err = r.Read(make([]byte, 1))
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("record %s: %w", shorten(f.Name), err)
	}
	return b, nil
}

// The older format's first two pickles.
var legacyMagic, _ = new(big.Int).SetString("1950a86a20f9469cfc6c", 16)

const legacyProtocol = 1001

// openLegacy reads the format of PyTorch before 1.6: the pickles of a magic number, a protocol, the machine's properties, the
// object and the storages' keys; then for each key the number of values and the values.
func openLegacy(raw []byte) (any, storages, error) {
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
			return nil, nil, errors.New("a pickle, but not of torch.save: the magic number is missing")
		}
	}
	if values[1] != legacyProtocol {
		return nil, nil, fmt.Errorf("protocol %v, expected %d", values[1], legacyProtocol)
	}
	keys, ok := values[4].(*types.List)
	if !ok {
		return nil, nil, errors.New("the list of storages is no list")
	}
	order := map[string]int{}
	for i := range keys.Len() {
		key, ok := keys.Get(i).(string)
		if _, twice := order[key]; !ok || twice {
			return nil, nil, errors.New("the list of storages has an entry that is no name of its own")
		}
		order[key] = i
	}
	return values[3], legacyStorages(rest, values[3], order), nil
}

// legacyStorages cuts the data after the pickles into storages. How wide their values are stands only in the object.
func legacyStorages(data []byte, object any, order map[string]int) storages {
	width := make([]int64, len(order))
	each(object, func(ref *storageRef) {
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
			return nil, fmt.Errorf("%w: the file ends before storage %s, where %d values were expected", errTruncated, shorten(ref.key), ref.length)
		}
		return found[i], nil
	}
}
