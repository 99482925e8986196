package avi

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// coder makes PNG pictures. image/png tries five filters for each row, which takes most of its time; noise and edges
// of a photograph need one, and an entropy coder without a search for repetitions.
type coder struct {
	simple bool
	zlib   *zlib.Writer
	data   bytes.Buffer
	row    []byte
}

// The types of a row's filter (PNG specification, 9.2).
const (
	filterUp      = 2
	filterAverage = 3
)

func (c *coder) encode(to *bytes.Buffer, gray []byte, width, height int) error {
	to.WriteString("\x89PNG\r\n\x1a\n")
	head := binary.BigEndian.AppendUint32(nil, uint32(width))  //nolint:gosec // At most 65535.
	head = binary.BigEndian.AppendUint32(head, uint32(height)) //nolint:gosec // At most 65535.
	chunk(to, "IHDR", append(head, 8, 0, 0, 0, 0))
	c.data.Reset()
	if c.zlib == nil {
		level := zlib.HuffmanOnly
		if c.simple {
			level = zlib.BestSpeed
		}
		var err error
		if c.zlib, err = zlib.NewWriterLevel(&c.data, level); err != nil {
			return err
		}
		c.row = make([]byte, width+1)
	}
	c.zlib.Reset(&c.data)
	above := make([]byte, width)
	for y := range height {
		now := gray[y*width:][:width]
		if c.simple {
			up(c.row, now, above)
		} else {
			average(c.row, now, above)
		}
		if _, err := c.zlib.Write(c.row); err != nil {
			return err
		}
		above = now
	}
	if err := c.zlib.Close(); err != nil {
		return err
	}
	if c.data.Len() >= maxSize {
		return errors.New("a picture above 2 GiB")
	}
	chunk(to, "IDAT", c.data.Bytes())
	chunk(to, "IEND", nil)
	return nil
}

func up(to, now, above []byte) {
	to[0] = filterUp
	for x, v := range now {
		to[x+1] = v - above[x]
	}
}

func average(to, now, above []byte) {
	to[0] = filterAverage
	left := 0
	for x, v := range now {
		to[x+1] = v - byte((left+int(above[x]))/2) //nolint:gosec // A mean of bytes.
		left = int(v)
	}
}

func chunk(to *bytes.Buffer, kind string, data []byte) {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(len(data))) //nolint:gosec // Checked by encode.
	to.Write(b[:])
	sum := crc32.NewIEEE()
	_, _ = sum.Write([]byte(kind))
	_, _ = sum.Write(data)
	to.WriteString(kind)
	to.Write(data)
	binary.BigEndian.PutUint32(b[:], sum.Sum32())
	to.Write(b[:])
}
