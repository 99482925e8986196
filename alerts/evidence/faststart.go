package evidence

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// atom is a box of an MP4 file (ISO/IEC 14496-12): a size, a type of four letters and a body.
type atom struct {
	kind string
	data []byte // with its header
	head int    // bytes before the body
}

// FastStart moves the index of an MP4 file (moov) before its media data (mdat), so that a player can start before it
// has the whole file. Offsets in the index are adjusted. A file already in that order is returned unchanged.
func FastStart(file []byte) ([]byte, error) {
	atoms, err := split(file)
	if err != nil {
		return nil, fmt.Errorf("MP4: %w", err)
	}
	index := slices.IndexFunc(atoms, func(a atom) bool { return a.kind == "moov" })
	pictures := slices.IndexFunc(atoms, func(a atom) bool { return a.kind == "mdat" })
	switch {
	case index < 0 || pictures < 0:
		return nil, errors.New("MP4: there is no index or there are no pictures in it")
	case index < pictures:
		return file, nil
	}
	moov := slices.Clone(atoms[index].data)
	if err := shift(moov[atoms[index].head:], uint64(len(moov)), 0); err != nil {
		return nil, fmt.Errorf("MP4: %w", err)
	}
	out := make([]byte, 0, len(file))
	for i, a := range atoms {
		if i == pictures {
			out = append(out, moov...)
		}
		if i != index {
			out = append(out, a.data...)
		}
	}
	return out, nil
}

// split parses boxes.
func split(data []byte) ([]atom, error) {
	var all []atom
	for len(data) > 0 {
		if len(data) < 8 {
			return nil, errors.New("a box is cut off")
		}
		size, head := uint64(binary.BigEndian.Uint32(data)), 8
		switch size {
		case 0:
			size = uint64(len(data))
		case 1:
			if len(data) < 16 {
				return nil, errors.New("a box is cut off")
			}
			size, head = binary.BigEndian.Uint64(data[8:]), 16
		}
		if size < uint64(head) || size > uint64(len(data)) {
			return nil, fmt.Errorf("box %q is of %d bytes, where %d are left", data[4:8], size, len(data))
		}
		all = append(all, atom{kind: string(data[4:8]), data: data[:size:size], head: head})
		data = data[size:]
	}
	return all, nil
}

// deepest is a bit more than the nesting depth of chunk offsets within moov.
const deepest = 8

// shift adds by to every chunk offset in the boxes.
func shift(boxes []byte, by uint64, depth int) error {
	if depth > deepest {
		return errors.New("boxes within boxes without end")
	}
	atoms, err := split(boxes)
	if err != nil {
		return err
	}
	for _, a := range atoms {
		body := a.data[a.head:]
		switch a.kind {
		case "trak", "mdia", "minf", "stbl", "edts":
			err = shift(body, by, depth+1)
		case "stco":
			err = shiftTable(body, 4, by)
		case "co64":
			err = shiftTable(body, 8, by)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// shiftTable adjusts a table of offsets of width bytes each.
func shiftTable(body []byte, width int, by uint64) error {
	if len(body) < 8 {
		return errors.New("a table of offsets is cut off")
	}
	n := binary.BigEndian.Uint32(body[4:])
	body = body[8:]
	if uint64(n)*uint64(width) > uint64(len(body)) {
		return errors.New("a table of offsets is cut off")
	}
	for i := range int(n) {
		at := body[i*width:]
		if width == 8 {
			binary.BigEndian.PutUint64(at, binary.BigEndian.Uint64(at)+by)
			continue
		}
		v := uint64(binary.BigEndian.Uint32(at)) + by
		if v > 1<<32-1 {
			return errors.New("the file is too large for its table of offsets")
		}
		binary.BigEndian.PutUint32(at, uint32(v))
	}
	return nil
}
