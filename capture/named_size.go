package capture

import (
	"bytes"
	"encoding/binary"
	"io"
)

// namedSize returns the minimum size of a file in bytes that its container declares: Matroska's segment, an AVI's RIFF
// chunks, the boxes of an MP4, an ASF's objects. It is 0 for other formats and for files without a declared size, which
// may end anywhere: MPEG-TS, fragmented MP4, files that a recorder did not finish.
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

// maxLinks bounds the number of top-level elements that are visited.
const maxLinks = 100000

// chainSize walks along elements that declare their length, which next returns; 0 (also for an unknown length) ends the
// walk.
func chainSize(r io.ReaderAt, size int64, next func(head []byte) int64) int64 {
	var at int64
	for range maxLinks {
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

// mp4Box returns 0 for the fragments of a fragmented file.
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

// matroskaSize returns the offset at which the segment ends. The segment follows the EBML header.
func matroskaSize(r io.ReaderAt) int64 {
	var at int64
	for range 8 {
		var b [12]byte
		if n, _ := r.ReadAt(b[:], at); n < len(b) {
			return 0
		}
		length, n := ebmlLength(b[4:])
		if n == 0 {
			return 0 // unknown
		}
		end := at + 4 + int64(n) + length
		switch {
		case bytes.Equal(b[:4], []byte{0x18, 0x53, 0x80, 0x67}):
			return end
		case b[0]>>4 != 1: // another element with a shorter ID precedes it
			return 0
		}
		at = end
	}
	return 0
}

// ebmlLength decodes a length of 1 to 8 bytes; n is 0 if it is unknown.
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

// isFLV detects FLV, which declares no size but is not truncatable either: its last tag must be complete.
func isFLV(r io.ReaderAt) bool {
	var head [3]byte
	_, err := r.ReadAt(head[:], 0)
	return err == nil && string(head[:]) == "FLV"
}

// endsInZeros reports whether a file's end is zeros: its size was set in advance and the data was never written.
func endsInZeros(r io.ReaderAt, size int64) bool {
	const tail = 4096
	var b [tail]byte
	_, err := r.ReadAt(b[:], size-tail)
	return size >= tail && err == nil && b == [tail]byte{}
}
