package capture

import (
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"strings"

	"vigil/internal/errcode"
	"vigil/internal/regular"
)

var errNoVideo = errcode.CameraNoVideo.New("FFmpeg finds no video in it that it can decode")

// explainFile returns a likely reason why a file holds no video, or nil. OpenCV does not expose FFmpeg's error.
func explainFile(path string) error {
	f, err := regular.Open(path)
	if err != nil {
		return stripPath(err)
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, 512)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	head = head[:n]
	if n >= 12 && string(head[4:8]) == "ftyp" {
		if !hasBox(f, "moov") {
			return errors.New("this is an mp4 without its index (moov): " + ErrTruncated.Error() +
				", or it was never finished")
		}
		return errors.New("this is an mp4, but with sound only, or in a coding that this FFmpeg does not know")
	}
	switch kind := http.DetectContentType(head); {
	case strings.HasPrefix(kind, "text/"):
		return errors.New("this is text, whatever its name says")
	case strings.HasPrefix(kind, "audio/"):
		return errors.New("this is sound only (" + kind + ")")
	case strings.HasPrefix(kind, "video/"):
		return errors.New("this is " + kind +
			", but damaged, or with sound only, or in a coding that this FFmpeg does not know")
	}
	return nil
}

// hasBox searches for a box at the top level of an MP4: 4 bytes of size, 4 of name, 8 more of size if the first is 1.
func hasBox(f io.ReadSeeker, name string) bool {
	var at int64
	for range 1000 {
		if _, err := f.Seek(at, io.SeekStart); err != nil {
			return false
		}
		var head [16]byte
		if n, _ := io.ReadFull(f, head[:]); n < 8 {
			return false
		}
		if string(head[4:8]) == name {
			return true
		}
		size := int64(binary.BigEndian.Uint32(head[:4]))
		if size == 1 {
			size = int64(
				binary.BigEndian.Uint64(head[8:])) //nolint:gosec // A size that is too large ends the walk below.
		}
		if size < 8 || at > 1<<60-size {
			return false
		}
		at += size
	}
	return false
}
