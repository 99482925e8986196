package worker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"vigil/internal/errcode"
)

// A message on the pipe is a header of 12 bytes and a body:
//
//	0  4  length of the body
//	4  1  protocol version
//	5  1  kind
//	6  2  "vg"
//	8  4  CRC-32C of the 8 bytes before and of the body
//
// Numbers are little-endian. An invalid message ends the connection: a process that decodes untrusted streams may send
// anything.
const (
	version  = 4
	headSize = 12
	magic    = uint16('v') | uint16('g')<<8
)

type kind byte

const (
	kindHello        kind = 1 + iota // worker: ready, with this version
	kindStart                        // parent: open this source, a start as JSON
	kindOpened                       // worker: the source is open, a video.Info as JSON
	kindPicture                      // worker
	kindPreview                      // worker
	kindStillRequest                 // parent: request for the full-size picture of a frame
	kindStill                        // worker: the response
	kindEnd                          // worker: the last message, with the reason, an end as JSON
	kindNote                         // worker: a note of the source, as text
	kindWaiting                      // worker: the camera sends something, but no picture yet
	kindSegment                      // worker: a segment of a recording starts, a segment as JSON
	kindChunk                        // worker: bytes of the segment, with their offset
	kindFlushed                      // worker: the segment is playable so far, a capture.SegmentStats as JSON
	kindSegmentEnd                   // worker: the segment is complete, a capture.SegmentStats as JSON
	kindFinish                       // parent: end the recording
	kindPause                        // parent: discard packets, and report them now and then
	kindResume                       // parent: resume
	kindPaused                       // worker: the camera sends something, which is discarded
	kinds
)

const (
	maxStart   = 1 << 20 // certificates are the longest part
	maxText    = 256 << 10
	maxPicture = pictureHead + maxSide*maxSide
	maxJPEG    = 32 << 20
	maxChunk   = 8 + 1<<20
)

// maxBody is the longest body of each kind.
var maxBody = [kinds]int{
	kindHello: 0, kindStart: maxStart, kindOpened: maxText, kindPicture: maxPicture, kindPreview: previewHead + maxJPEG,
	kindSegment: maxText, kindChunk: maxChunk, kindFlushed: maxText, kindSegmentEnd: maxText, kindFinish: 0,
	kindStillRequest: 16, kindStill: stillHead + maxJPEG, kindEnd: maxText,
	kindNote: maxText, kindWaiting: 0, kindPause: 0, kindResume: 0, kindPaused: 0,
}

// ErrProtocol means that the other side sent something that is not a message.
var ErrProtocol = errcode.CameraProtocol.New("the pipe's other side breaks the protocol")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encode appends a message to b; body appends the message's body.
func encode(b []byte, k kind, body func([]byte) []byte) []byte {
	at := len(b)
	b = append(b, make([]byte, headSize)...)
	if body != nil {
		b = body(b)
	}
	head := b[at : at+headSize]
	binary.LittleEndian.PutUint32(head, uint32(len(b)-at-headSize)) //nolint:gosec // Bodies are far below 4 GiB.
	head[4], head[5] = version, byte(k)
	binary.LittleEndian.PutUint16(head[6:], magic)
	sum := crc32.Update(crc32.Checksum(head[:8], castagnoli), castagnoli, b[at+headSize:])
	binary.LittleEndian.PutUint32(head[8:], sum)
	return b
}

// decoder splits a stream of bytes into messages. After a read error, such as a deadline, next resumes without loss.
type decoder struct {
	buf      []byte
	from, to int // bounds of the unread bytes in buf
}

// next returns the next message; its body is valid until the next call. It returns the reader's error if that comes
// before the message is complete.
func (d *decoder) next(r io.Reader) (kind, []byte, error) {
	for {
		size, err := d.size()
		if err != nil {
			return 0, nil, err
		}
		if have := d.to - d.from; have >= size {
			return d.take(size)
		}
		d.makeRoom(size)
		n, err := r.Read(d.buf[d.to:])
		d.to += n
		if n == 0 && err != nil {
			if errors.Is(err, io.EOF) && d.to > d.from {
				err = io.ErrUnexpectedEOF
			}
			return 0, nil, err
		}
	}
}

// size returns the length of the next message, as far as its header is there.
func (d *decoder) size() (int, error) {
	if d.to-d.from < headSize {
		return headSize, nil
	}
	head := d.buf[d.from:]
	n := binary.LittleEndian.Uint32(head)
	switch k := kind(head[5]); {
	case binary.LittleEndian.Uint16(head[6:]) != magic:
		return 0, fmt.Errorf("%w: no message begins with % x", ErrProtocol, head[:8])
	case head[4] != version:
		return 0, fmt.Errorf("%w: it uses version %d, this is version %d", ErrProtocol, head[4], version)
	case k == 0 || k >= kinds:
		return 0, fmt.Errorf("%w: there is no message of kind %d", ErrProtocol, k)
	case n > uint32(maxBody[k]): //nolint:gosec // The limits are small.
		return 0, fmt.Errorf("%w: a message of kind %d has %d bytes, at most %d are allowed", ErrProtocol, k, n,
			maxBody[k])
	}
	return headSize + int(n), nil
}

func (d *decoder) take(size int) (kind, []byte, error) {
	m := d.buf[d.from : d.from+size]
	d.from += size
	sum := crc32.Update(crc32.Checksum(m[:8], castagnoli), castagnoli, m[headSize:])
	if sum != binary.LittleEndian.Uint32(m[8:]) {
		return 0, nil, fmt.Errorf("%w: a message of kind %d is damaged", ErrProtocol, m[5])
	}
	return kind(m[5]), m[headSize:], nil
}

// readAhead is how much is read ahead, so that one read returns several small messages.
const readAhead = 64 << 10

// keepBuffer is the size above which a buffer is released after one large message.
const keepBuffer = 4 << 20

// makeRoom makes room for a message of size bytes.
func (d *decoder) makeRoom(size int) {
	if d.from == d.to {
		d.from, d.to = 0, 0
		if len(d.buf) > keepBuffer && size < keepBuffer {
			d.buf = nil
		}
	}
	if d.from+size <= len(d.buf) && d.to < len(d.buf) {
		return
	}
	if d.from > 0 {
		d.to = copy(d.buf, d.buf[d.from:d.to])
		d.from = 0
	}
	if want := size + readAhead; want > len(d.buf) {
		d.buf = slices.Grow(d.buf[:d.to], want-d.to)[:want]
	}
}
