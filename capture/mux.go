//go:build cgo && gocv_videoio

package capture

// #include "ffmpeg.h"
import "C"

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"
	"unsafe"
)

// Muxer writes packets to a Matroska file without transcoding. Data written up to the last Flush stays playable even if
// the process crashes; Close adds the index and the duration. It writes through an io.WriterAt and only seeks within
// what it has written, so the file may be on another machine.
type Muxer struct {
	m  *C.vigil_muxer
	to io.WriterAt
}

// NewMuxer starts a file whose first frame was captured at the given time.
func NewMuxer(to io.WriterAt, c Coding, taken time.Time) (*Muxer, error) {
	m := &Muxer{to: to}
	var pin runtime.Pinner
	defer pin.Unpin()
	coding := C.vigil_coding{width: C.int(c.Width), height: C.int(c.Height), extra_size: C.int(len(c.Extra))}
	if len(c.Extra) > 0 {
		pin.Pin(unsafe.SliceData(c.Extra))
		coding.extra = (*C.uint8_t)(unsafe.SliceData(c.Extra))
	}
	code := call(func(s ...*C.char) C.int {
		coding.codec = s[0]
		return C.vigil_mux_new(&m.m, &coding,
			s[1]) //nolint:gocritic // what cgo makes of a pointer compares it with itself
	}, c.Codec, taken.UTC().Format("2006-01-02T15:04:05.000000Z"))
	if err := m.writeOut(code); err != nil {
		C.vigil_mux_free(m.m)
		return nil, fmt.Errorf("beginning a Matroska file of %s: %w", c.Codec, err)
	}
	return m, nil
}

// Write appends a packet. Its DTS must not be before the previous packet's DTS, nor after its own PTS.
func (m *Muxer) Write(p *Packet) error {
	n := len(p.Data)
	// FFmpeg's parsers may look a little beyond the end.
	padded := append(p.Data, make([]byte, padding)...) //nolint:gocritic // p.Data is cut to it again
	p.Data = padded[:n]
	var key C.int
	if p.Key {
		key = 1
	}
	return m.writeOut(C.vigil_mux_write(m.m, (*C.uint8_t)(unsafe.SliceData(padded)), C.int(n), C.int64_t(p.PTS),
		C.int64_t(p.DTS), key))
}

// Flush writes buffered data.
func (m *Muxer) Flush() error { return m.writeOut(C.vigil_mux_flush(m.m)) }

// Close finishes the file.
func (m *Muxer) Close() error {
	err := m.writeOut(C.vigil_mux_end(m.m))
	m.Abandon()
	return err
}

// Abandon frees the muxer without finishing the file.
func (m *Muxer) Abandon() {
	C.vigil_mux_free(m.m)
	m.m = nil
}

// writeOut passes on to the writer what FFmpeg has written.
func (m *Muxer) writeOut(code C.int) error {
	if m.m == nil {
		return errors.New(codeText(code))
	}
	var records *C.uint8_t
	n := C.vigil_mux_take(m.m, &records) //nolint:gocritic // what cgo makes of a pointer compares it with itself
	b := unsafe.Slice((*byte)(records), n)
	for len(b) > 0 {
		at, size := int64(binary.NativeEndian.Uint64(b)),
			int64(binary.NativeEndian.Uint64(b[8:])) //nolint:gosec // They were signed.
		b = b[16:]
		if _, err := m.to.WriteAt(b[:size], at); err != nil {
			return err
		}
		b = b[size:]
	}
	if code < 0 {
		return errors.New(codeText(code))
	}
	return nil
}
