package capture

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"vigil/internal/regular"
)

// checkImage detects damage that OpenCV tolerates: it fills the missing part of a truncated JPEG with grey. The
// entropy-coded data cannot contain the end marker by chance, since 0xFF in it is always followed by 0.
func checkImage(path string) error {
	if err := checkRegular(path); err != nil {
		return err
	}
	f, err := regular.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if st.Size() == 0 {
		return errors.New("the file is empty")
	}
	if err := checkImageSize(f); err != nil {
		return err
	}
	var start [3]byte
	if _, err := f.ReadAt(start[:], 0); err != nil || start != [3]byte{0xff, 0xd8, 0xff} {
		return nil //nolint:nilerr // Too short for a JPEG: OpenCV says what else is wrong with it.
	}
	tail := make([]byte, min(4096, st.Size()))
	if _, err := f.ReadAt(tail, st.Size()-int64(len(tail))); err != nil {
		return err
	}
	if !bytes.Contains(tail, []byte{0xff, 0xd9}) {
		return errors.New("the JPEG is cut off")
	}
	return nil
}

// checkRegular follows symbolic links.
func checkRegular(path string) error {
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return stripPath(err)
	case !st.Mode().IsRegular():
		return fmt.Errorf("this is %s; an image is a file", regular.Kind(st.Mode()))
	}
	return nil
}
