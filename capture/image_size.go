package capture

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // registers the decoder of the header
	_ "image/png"  // likewise
	"io"

	_ "golang.org/x/image/webp" // likewise
)

// errNoImage means that a file's content matches none of the formats that its name may denote. OpenCV would read a few
// more, whose size is not known in advance.
var errNoImage = errors.New("damaged, or not what its name says: it is not a TIFF, PNG, JPEG, BMP, WebP, PGM or PPM")

// checkImageSize reads an image's header and refuses an image that is too large before OpenCV allocates memory for it.
// Other faults of the file are left to OpenCV.
func checkImageSize(f io.ReadSeeker) error {
	defer func() { _, _ = f.Seek(0, io.SeekStart) }() // a failure recurs in the next read
	var head [32]byte
	n, err := io.ReadFull(f, head[:])
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	b := head[:n]
	switch {
	case bytes.HasPrefix(b, []byte("II")), bytes.HasPrefix(b, []byte("MM")):
		return checkTIFF(f)
	case bytes.HasPrefix(b, []byte("BM")):
		return checkBMP(b)
	case len(b) > 2 && b[0] == 'P' && b[1] >= '1' && b[1] <= '6':
		return checkPNM(f)
	case bytes.HasPrefix(b, []byte{0xff, 0xd8}), bytes.HasPrefix(b, []byte("\x89PNG")),
		bytes.HasPrefix(b, []byte("RIFF")):
		c, _, err := image.DecodeConfig(f)
		if err != nil {
			return fmt.Errorf("damaged, or not what its name says: its header cannot be read: %w", err)
		}
		return checkPixels(c.Width, c.Height)
	}
	return errNoImage
}

// checkBMP supports the headers of OS/2 and of Windows.
func checkBMP(b []byte) error {
	if len(b) < 26 {
		return errors.New("the file is cut off")
	}
	if binary.LittleEndian.Uint32(b[14:]) == 12 {
		return checkPixels(int(binary.LittleEndian.Uint16(b[18:])), int(binary.LittleEndian.Uint16(b[20:])))
	}
	w, h := int64(int32(binary.LittleEndian.Uint32(b[18:]))),
		int64(int32(binary.LittleEndian.Uint32(b[22:]))) //nolint:gosec // They are signed.
	// A negative height denotes top-down rows.
	return checkPixels(int(max(w, -w)), int(max(h, -h)))
}

// checkPNM reads width and height, which are separated by whitespace and comments.
func checkPNM(f io.Reader) error {
	r := bufio.NewReader(io.LimitReader(f, 1<<16))
	if _, err := r.Discard(2); err != nil {
		return err
	}
	var size [2]int
	for i := range size {
		n, err := pnmNumber(r)
		if err != nil {
			return fmt.Errorf("damaged, or not what its name says: its header cannot be read: %w", err)
		}
		size[i] = n
	}
	return checkPixels(size[0], size[1])
}

func pnmNumber(r *bufio.Reader) (int, error) {
	const most = 1 << 31
	n, digits := 0, 0
	for {
		c, err := r.ReadByte()
		switch {
		case err != nil:
			return 0, err
		case c == '#':
			if _, err := r.ReadString('\n'); err != nil {
				return 0, err
			}
		case isDigit(c):
			n, digits = min(n*10+int(c-'0'), most), digits+1
		case digits > 0:
			return n, nil
		}
	}
}

// TIFF tags that determine how much memory OpenCV allocates.
const (
	tiffWidth, tiffHeight         = 256, 257
	tiffBits, tiffSamples         = 258, 277
	tiffTileWidth, tiffTileHeight = 322, 323
)

// maxTIFFBytes limits the pixel data before the conversion to 8 bits: four samples of 16 bits.
const maxTIFFBytes = 8 * MaxPixels

// checkTIFF reads the first directory of a TIFF or a BigTIFF.
func checkTIFF(f io.ReadSeeker) error {
	unread := func(err error) error {
		return fmt.Errorf("damaged, or not what its name says: its header cannot be read: %w", err)
	}
	var head [16]byte
	if _, err := io.ReadFull(f, head[:8]); err != nil {
		return unread(err)
	}
	var order binary.ByteOrder = binary.LittleEndian
	if head[0] == 'M' {
		order = binary.BigEndian
	}
	isBig := order.Uint16(head[2:]) == 43
	at, entry := int64(order.Uint32(head[4:])), 12
	if isBig {
		if _, err := io.ReadFull(f, head[8:]); err != nil {
			return unread(err)
		}
		at, entry = int64(order.Uint64(head[8:])), 20 //nolint:gosec // A negative one cannot be sought.
	}
	if _, err := f.Seek(at, io.SeekStart); err != nil {
		return unread(err)
	}
	count := head[:2]
	if isBig {
		count = head[:8]
	}
	if _, err := io.ReadFull(f, count); err != nil {
		return unread(err)
	}
	entries := uint64(order.Uint16(count))
	if isBig {
		entries = order.Uint64(count)
	}
	const maxEntries = 4096
	if entries > maxEntries {
		return unread(fmt.Errorf("it has %d entries", entries))
	}
	table := make([]byte, int(entries)*entry) //nolint:gosec // Checked.
	if _, err := io.ReadFull(f, table); err != nil {
		return unread(err)
	}
	tags := map[uint16]uint64{tiffBits: 1, tiffSamples: 1}
	for ; len(table) > 0; table = table[entry:] {
		if tag := order.Uint16(table); tag == tiffBits && !isBig && order.Uint32(table[4:]) > 2 ||
			tag == tiffBits && isBig && order.Uint64(table[4:]) > 4 {
			tags[tag] = 16 // stored elsewhere, one for each sample; larger ones are rare
		} else {
			tags[tag] = tiffNumber(order, table, isBig)
		}
	}
	w, h := tags[tiffWidth], tags[tiffHeight]
	for _, size := range [][2]uint64{{w, h}, {tags[tiffTileWidth], tags[tiffTileHeight]}} {
		const most = 1 << 31
		if err := checkPixels(int(min(size[0], most)), int(min(size[1], most))); err != nil { //nolint:gosec // Bounded.
			return err
		}
	}
	if w*h == 0 {
		return unread(errors.New("it names no width or no height"))
	}
	if size := w * h * min(tags[tiffSamples], 1<<16) * min(max(tags[tiffBits], 8), 64) / 8; size > maxTIFFBytes {
		return fmt.Errorf("%w: its pixels may take %d bytes; at most %d are read", ErrTooLarge, size, maxTIFFBytes)
	}
	return nil
}

// tiffNumber returns the value of an entry that holds a single number.
func tiffNumber(order binary.ByteOrder, entry []byte, isBig bool) uint64 {
	value := entry[8:]
	if isBig {
		value = entry[12:]
	}
	switch kind := order.Uint16(entry[2:]); {
	case kind == 3:
		return uint64(order.Uint16(value))
	case kind == 4:
		return uint64(order.Uint32(value))
	case kind == 16 && isBig:
		return order.Uint64(value)
	case kind == 1:
		return uint64(value[0])
	}
	return 0
}
