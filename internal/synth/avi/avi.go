// Package avi writes grey video without loss: an AVI file whose frames are PNG pictures, which FFmpeg and OpenCV read.
// Unlike a folder of pictures it has a frame rate.
package avi

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
)

const (
	// maxSize is the largest file in bytes: its numbers have 32 bits, and many readers take them as signed.
	maxSize = 1<<31 - 1<<20
	// headerSize is the length of the file up to the first frame.
	headerSize = 224
	keyFrame   = 0x10
)

// Writer writes a video. It must be closed, also after an error.
type Writer struct {
	file          *os.File
	to            *bufio.Writer
	width, height int
	fps           float64
	coder         coder
	index         []uint32 // offset and size of each frame, in pairs
	size          int64    // bytes so far
	largest       int      // of the frames, in bytes
	last          []byte   // the picture before
	png           bytes.Buffer
	err           error
}

// Create creates a file, which must not exist yet, for pictures of width x height pixels at fps frames a second.
// Simple is for drawings and masks, which have large areas of one level: smaller for those, and larger for photographs.
func Create(path string, width, height int, fps float64, simple bool) (*Writer, error) {
	if width < 1 || height < 1 || width > math.MaxUint16 || height > math.MaxUint16 || !(fps > 0 && fps < 1e6) {
		return nil, fmt.Errorf("%s: a video of %dx%d pixels at %v frames a second cannot be written", path, width,
			height, fps)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644) //nolint:gosec // The caller names it.
	if err != nil {
		return nil, err
	}
	w := &Writer{file: f, to: bufio.NewWriterSize(f, 1<<18), width: width, height: height, fps: fps, size: headerSize}
	w.coder.simple = simple
	_, w.err = w.to.Write(make([]byte, headerSize))
	return w, nil
}

// Write appends a picture, [height][width].
func (w *Writer) Write(gray []byte) error {
	if w.err != nil {
		return w.err
	}
	if len(gray) != w.width*w.height {
		return fmt.Errorf("%s: a picture of %d bytes, want %dx%d", w.file.Name(), len(gray), w.width, w.height)
	}
	// A picture like the one before is not compressed again: masks rarely change.
	if w.last == nil || !bytes.Equal(w.last, gray) {
		w.png.Reset()
		if w.err = w.coder.encode(&w.png, gray, w.width, w.height); w.err != nil {
			return w.err
		}
		w.last = append(w.last[:0], gray...)
	}
	n := w.png.Len()
	if w.size+int64(n)+16*int64(len(w.index)) > maxSize {
		w.err = fmt.Errorf("%s: grows above 2 GiB after %d frames, which AVI cannot hold", w.file.Name(),
			len(w.index)/2)
		return w.err
	}
	w.index = append(w.index, uint32(w.size-headerSize+4), uint32(n)) //nolint:gosec // Checked above.
	w.largest = max(w.largest, n)
	head := binary.LittleEndian.AppendUint32([]byte("00dc"), uint32(n)) //nolint:gosec // Checked above.
	_, err1 := w.to.Write(head)
	_, err2 := w.to.Write(w.png.Bytes())
	w.size += int64(8 + n)
	if n%2 == 1 {
		w.size++
		err2 = errors.Join(err2, w.to.WriteByte(0))
	}
	w.err = errors.Join(err1, err2)
	return w.err
}

// Close writes the index and the header.
func (w *Writer) Close() error {
	if w.err == nil {
		w.err = w.finish()
	}
	return errors.Join(w.err, w.file.Close())
}

func (w *Writer) finish() error {
	index := binary.LittleEndian.AppendUint32([]byte("idx1"), uint32(8*len(w.index))) //nolint:gosec // Below 2 GiB.
	for i := 0; i < len(w.index); i += 2 {
		index = append(index, "00dc"...)
		index = binary.LittleEndian.AppendUint32(index, keyFrame)
		index = binary.LittleEndian.AppendUint32(index, w.index[i])
		index = binary.LittleEndian.AppendUint32(index, w.index[i+1])
	}
	if _, err := w.to.Write(index); err != nil {
		return err
	}
	if err := w.to.Flush(); err != nil {
		return err
	}
	if _, err := w.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := w.file.Write(w.header(len(index)))
	return err
}

// header is everything before the first frame, as in "AVI RIFF File Reference" (Microsoft).
func (w *Writer) header(index int) []byte {
	frames := len(w.index) / 2
	const scale = 1000
	rate := int(math.Round(w.fps * scale))
	var b []byte
	text := func(s string) { b = append(b, s...) }
	long := func(values ...int) {
		for _, v := range values {
			b = binary.LittleEndian.AppendUint32(b, uint32(v)) //nolint:gosec // Sizes below 2 GiB.
		}
	}
	text("RIFF")
	long(int(w.size) + index - 8)
	text("AVI LIST")
	long(4 + 8 + 56 + 8 + 4 + 8 + 56 + 8 + 40)
	text("hdrlavih")
	const hasIndex = 0x10
	long(56, int(math.Round(1e6/w.fps)), 0, 0, hasIndex, frames, 0, 1, w.largest, w.width, w.height, 0, 0, 0, 0)
	text("LIST")
	long(4 + 8 + 56 + 8 + 40)
	text("strlstrh")
	long(56)
	text("vidsMPNG")
	long(0, 0, 0, scale, rate, 0, frames, w.largest, -1, 0, 0, w.width|w.height<<16)
	text("strf")
	long(40, 40, w.width, w.height, 1|24<<16)
	text("MPNG")
	long(3*w.width*w.height, 0, 0, 0, 0)
	text("LIST")
	long(int(w.size) - headerSize + 4)
	text("movi")
	return b
}
