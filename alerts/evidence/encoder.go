package evidence

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"vigil/capture"
	"vigil/internal/tempdir"
	"vigil/video"
)

// ProcessEncoder encodes clips in a separate process at the lowest priority, so that failures and long encodes do not
// affect the cameras. The process runs EncodeClip.
type ProcessEncoder struct {
	// Command is the program and its arguments; the name of the file to write is added.
	Command []string
	// Dir is where a temporary folder is created for each clip. Nothing else in Dir is touched, except such a folder of
	// a killed process.
	Dir string
}

const (
	clipFolder = ".vigil-clip-" // a random number follows
	clipFile   = "clip.mp4"
	// encodedFile is the clip as OpenCV writes it, with the index at its end.
	encodedFile = "encoded.mp4"
)

// maxClip bounds the size of the file that is read back.
const maxClip = 256 << 20

// Encode makes an MP4 of H.264 whose index comes first, so that a browser can start playing at once.
func (c ProcessEncoder) Encode(ctx context.Context, pictures [][]byte, fps float64) (_ []byte, err error) {
	if err := tempdir.Sweep(c.Dir, clipFolder, clipFile, encodedFile); err != nil {
		return nil, fmt.Errorf("encode clip: %w", err)
	}
	dir, err := tempdir.Make(c.Dir, clipFolder, clipFile, encodedFile)
	if err != nil {
		return nil, fmt.Errorf("encode clip: %w", err)
	}
	defer func() { err = errors.Join(err, dir.Remove()) }()
	path := filepath.Join(dir.Path, clipFile)
	cmd := exec.CommandContext(ctx, c.Command[0], append(c.Command[1:len(c.Command):len(c.Command)], path)...)
	cmd.Stdin = clipStream(pictures, fps)
	var stderr bytes.Buffer
	cmd.Stderr = &limited{w: &stderr, left: 4 << 10}
	if err := runLowPriority(cmd); err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("encode clip: %w", context.Cause(ctx))
		}
		return nil, fmt.Errorf("encode clip: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("encode clip: %w", err)
	}
	if info.Size() > maxClip {
		return nil, fmt.Errorf("encode clip: %d bytes are too many", info.Size())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("encode clip: %w", err)
	}
	return data, nil
}

// clipStream is the input of the process: the rate, and each picture prefixed by its length.
func clipStream(pictures [][]byte, fps float64) io.Reader {
	var head bytes.Buffer
	_ = binary.Write(&head, binary.BigEndian, fps)
	readers := []io.Reader{&head}
	for _, p := range pictures {
		readers = append(readers, bytes.NewReader(binary.BigEndian.AppendUint32(nil, uint32(len(p)))),
			bytes.NewReader(p))
	}
	return io.MultiReader(readers...)
}

// limited stores the beginning of a process's output.
type limited struct {
	w    io.Writer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), l.left)
	l.left -= n
	if _, err := l.w.Write(p[:n]); err != nil {
		return 0, err
	}
	return len(p), nil
}

// maxPicture bounds the size of one picture.
const maxPicture = 64 << 20

// EncodeClip is the process's side: it reads what ProcessEncoder writes and encodes the video at path.
func EncodeClip(in io.Reader, path string) (err error) {
	r := bufio.NewReaderSize(in, 1<<16)
	var fps float64
	if err := binary.Read(r, binary.BigEndian, &fps); err != nil {
		return fmt.Errorf("encode clip: read the rate: %w", err)
	}
	encoded := filepath.Join(filepath.Dir(path), encodedFile)
	var w *capture.Writer
	defer func() {
		if w != nil {
			err = errors.Join(err, w.Close())
		}
		if err == nil {
			err = errors.Join(capture.Remux(encoded, path), os.Remove(encoded))
		}
	}()
	var f video.Frame
	for {
		data, err := readPicture(r)
		if errors.Is(err, io.EOF) {
			if w == nil {
				return errors.New("encode clip: no pictures")
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("encode clip: %w", err)
		}
		img, err := decode(data)
		if err != nil {
			return fmt.Errorf("encode clip: %w", err)
		}
		if w == nil {
			f.Width, f.Height, f.Channels = even(img.Bounds().Dx()), even(img.Bounds().Dy()), 3
			f.Pix = make([]byte, f.Width*f.Height*3)
			if w, err = capture.CreateVideo(encoded, fps, f.Width, f.Height, ""); err != nil {
				return err
			}
		}
		intoBGR(&f, img)
		if err := w.Write(&f); err != nil {
			return err
		}
	}
}

func readPicture(r io.Reader) ([]byte, error) {
	var n uint32
	if err := binary.Read(r, binary.BigEndian, &n); err != nil {
		return nil, err
	}
	if n > maxPicture {
		return nil, fmt.Errorf("a picture of %d bytes is too large", n)
	}
	data := make([]byte, n)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, fmt.Errorf("read a picture: %w", noEOF(err))
	}
	return data, nil
}

// noEOF turns an end of input in the middle into io.ErrUnexpectedEOF.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// intoBGR copies a picture of any size into a frame, cropped or padded with black.
func intoBGR(f *video.Frame, img image.Image) {
	clear(f.Pix)
	b := img.Bounds()
	gray, isGray := img.(*image.Gray)
	for y := range min(f.Height, b.Dy()) {
		for x := range min(f.Width, b.Dx()) {
			p := f.Pix[3*(y*f.Width+x):]
			if isGray {
				v := gray.GrayAt(b.Min.X+x, b.Min.Y+y).Y
				p[0], p[1], p[2] = v, v, v
				continue
			}
			r, g, bl, _ := img.At(b.Min.X+x, b.Min.Y+y).RGBA()
			p[0], p[1], p[2] = byte(bl>>8), byte(g>>8), byte(r>>8)
		}
	}
}
