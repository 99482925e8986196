package capture

import (
	"bytes"
	"encoding/binary"
	"io"
)

// namedSize is how many bytes a file has at least by what its container names: Matroska's segment, an AVI's RIFF
// chunks, the boxes of an MP4, an ASF's objects. It is 0 for other files, and for those that name none, because they
// were written to be cut off anywhere: MPEG-TS, fragmented MP4, what a recorder did not finish.
func namedSize(r io.ReaderAt, size int64) int64 {
	var head [16]byte
	if _, err := r.ReadAt(head[:], 0); err != nil {
		return 0
	}
	switch {
	case bytes.HasPrefix(head[:], []byte{0x1a, 0x45, 0xdf, 0xa3}):
		return matroskaSize(r)
	case string(head[:4]) == "RIFF" && string(head[8:12]) == "AVI ":
		return chainSize(r, size, riffChunk)
	case string(head[4:8]) == "ftyp" || string(head[4:8]) == "moov":
		return chainSize(r, size, mp4Box)
	case bytes.Equal(head[:], asfHeader):
		return chainSize(r, size, asfObject)
	}
	return 0
}

// mostLinks bounds a walk along a file's top level.
const mostLinks = 100000

// chainSize walks along parts that each name their length, which next gives; 0 ends the walk, as where it is not known.
func chainSize(r io.ReaderAt, size int64, next func(head []byte) int64) int64 {
	var at int64
	for range mostLinks {
		var head [24]byte
		if n, _ := r.ReadAt(head[:], at); n < len(head) {
			return at
		}
		length := next(head[:])
		if length < 8 || at > 1<<60-length {
			return 0
		}
		if at += length; at >= size {
			return at
		}
	}
	return 0
}

func riffChunk(head []byte) int64 {
	n := int64(binary.LittleEndian.Uint32(head[4:]))
	if string(head[:4]) != "RIFF" || n == 0 || n == 1<<32-1 {
		return 0
	}
	return 8 + n
}

// mp4Box gives nothing for the fragments of a fragmented file.
func mp4Box(head []byte) int64 {
	n := int64(binary.BigEndian.Uint32(head))
	if n == 1 {
		n = int64(binary.BigEndian.Uint64(head[8:])) //nolint:gosec // A negative one ends the walk.
	}
	switch string(head[4:8]) {
	case "moof", "styp", "sidx":
		return 0
	}
	return n
}

var asfHeader = []byte{0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11, 0xa6, 0xd9, 0x00, 0xaa, 0x00, 0x62, 0xce, 0x6c}

func asfObject(head []byte) int64 {
	return int64(binary.LittleEndian.Uint64(head[16:])) //nolint:gosec // A negative one ends the walk.
}

// matroskaSize gives where the segment ends, which follows the EBML header.
func matroskaSize(r io.ReaderAt) int64 {
	var at int64
	for range 8 {
		var b [12]byte
		if n, _ := r.ReadAt(b[:], at); n < len(b) {
			return 0
		}
		length, n := ebmlLength(b[4:])
		if n == 0 {
			return 0 // not known
		}
		end := at + 4 + int64(n) + length
		switch {
		case bytes.Equal(b[:4], []byte{0x18, 0x53, 0x80, 0x67}):
			return end
		case b[0]>>4 != 1: // another element is in front of it, and its name is shorter
			return 0
		}
		at = end
	}
	return 0
}

// ebmlLength reads a length of 1 to 8 bytes; n is 0 where it is not known.
func ebmlLength(b []byte) (length int64, n int) {
	mask := byte(0x80)
	for n = 1; n <= 8 && b[0]&mask == 0; n++ {
		mask >>= 1
	}
	if n > 8 {
		return 0, 0
	}
	length = int64(b[0] & (mask - 1))
	unknown := b[0]&(mask-1) == mask-1
	for _, c := range b[1:n] {
		length = length<<8 | int64(c)
		unknown = unknown && c == 0xff
	}
	if unknown {
		return 0, 0
	}
	return length, n
}

// isFLV is true of a container that names no size and is not made to be cut off either: its last tag is whole.
func isFLV(r io.ReaderAt) bool {
	var head [3]byte
	_, err := r.ReadAt(head[:], 0)
	return err == nil && string(head[:]) == "FLV"
}

// endsInZeros is true of a file whose length was set before its data came, which they never did.
func endsInZeros(r io.ReaderAt, size int64) bool {
	const tail = 4096
	var b [tail]byte
	_, err := r.ReadAt(b[:], size-tail)
	return size >= tail && err == nil && b == [tail]byte{}
}
