package worker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
)

// A message on the pipe is a head of 12 bytes and a body:
//
//	0  4  length of the body
//	4  1  protocol version
//	5  1  kind
//	6  2  "vg"
//	8  4  CRC-32C of the 8 bytes before and of the body
//
// Numbers are little-endian. Whatever does not look like this ends the conversation: a process that decodes hostile
// streams may send anything at all.
const (
	version  = 3
	headSize = 12
	magic    = uint16('v') | uint16('g')<<8
)

type kind byte

const (
	kindHello      kind = 1 + iota // child: I speak this version
	kindStart                      // parent: open this, a Start as JSON
	kindOpened                     // child: it is open, a capture.Info as JSON
	kindPicture                    // child
	kindPreview                    // child
	kindAsk                        // parent: the picture of full size of a frame
	kindStill                      // child: the answer
	kindEnd                        // child: the last message, why there is nothing more to come, an End as JSON
	kindNote                       // child: what the source has to say beside its pictures, as text
	kindWaiting                    // child: the camera sends something, but no picture yet
	kindSegment                    // child: a segment of a recording begins, a segment as JSON
	kindChunk                      // child: what is to be written of it, and where
	kindFlushed                    // child: what came of it so far can be played, a capture.SegmentStats as JSON
	kindSegmentEnd                 // child: it is complete, a capture.SegmentStats as JSON
	kindFinish                     // parent: end the recording
	kindPause                      // parent: pass over what comes, and say so now and then
	kindResume                     // parent: go on
	kindPaused                     // child: the camera sends something, which is passed over
	kinds
)

const (
	maxStart   = 1 << 20 // certificates are the longest of it
	maxText    = 256 << 10
	maxPicture = 48 + 1024*1024
	maxJPEG    = 32 << 20
	maxChunk   = 8 + 1<<20
)

// maxBody is the longest body of each kind.
var maxBody = [kinds]int{
	kindHello: 0, kindStart: maxStart, kindOpened: maxText, kindPicture: maxPicture, kindPreview: previewHead + maxJPEG,
	kindSegment: maxText, kindChunk: maxChunk, kindFlushed: maxText, kindSegmentEnd: maxText, kindFinish: 0,
	kindAsk: 16, kindStill: stillHead + maxJPEG, kindEnd: maxText,
	kindNote: maxText, kindWaiting: 0, kindPause: 0, kindResume: 0, kindPaused: 0,
}

// ErrProtocol means that the other side sent what is no message.
var ErrProtocol = errors.New("the pipe's other side breaks the protocol")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encode appends a message to b, whose body the function appends.
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

// decoder takes messages out of a stream of bytes. A read that gives nothing, as after a deadline, loses nothing: next
// goes on where it was.
type decoder struct {
	buf      []byte
	from, to int // what is in buf and not taken yet
}

// next gives the next message; its body is valid until the next call. It returns the reader's error where that came
// before the message was whole.
func (d *decoder) next(r io.Reader) (kind, []byte, error) {
	for {
		size, err := d.size()
		if err != nil {
			return 0, nil, err
		}
		if have := d.to - d.from; have >= size {
			return d.take(size)
		}
		d.room(size)
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

// size is how many bytes the next message has, as far as its head is there.
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
		return 0, fmt.Errorf("%w: it speaks version %d, this is version %d", ErrProtocol, head[4], version)
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

// spare is read ahead, so that small messages come several at a time.
const spare = 64 << 10

// keepBuffer is the size above which a buffer that one large picture needed is let go again.
const keepBuffer = 4 << 20

// room makes room for a message of so many bytes.
func (d *decoder) room(size int) {
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
	if want := size + spare; want > len(d.buf) {
		d.buf = slices.Grow(d.buf[:d.to], want-d.to)[:want]
	}
}
