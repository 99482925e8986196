//go:build !cgo || !gocv_videoio

package capture

import (
	"context"
	"errors"
	"io"
	"time"
	"vigil/capture/source"
	"vigil/video"
)

var errNoOpenCV = errors.New(
	"this vigil was built without OpenCV: install it and FFmpeg's headers (scripts/setup does) and " +
		"build with cgo and -tags gocv_specific_modules,gocv_videoio")

func openFile(context.Context, string, Options) (frameReader, video.Info, error) {
	return nil, video.Info{}, errNoOpenCV
}

func openURL(context.Context, source.Address, Options) (frameReader, video.Info, error) {
	return nil, video.Info{}, errNoOpenCV
}
func openDevice(string, Options) (frameReader, video.Info, error) {
	return nil, video.Info{}, errNoOpenCV
}
func openFolder(string, Options) (frameReader, video.Info, error) {
	return nil, video.Info{}, errNoOpenCV
}

// Writer writes a video file. This build cannot make one.
type Writer struct{}

// CreateVideo says what is missing.
func CreateVideo(string, float64, int, int, string) (*Writer, error) { return nil, errNoOpenCV }

// Write says what is missing.
func (*Writer) Write(*video.Frame) error { return errNoOpenCV }

// Close does nothing.
func (*Writer) Close() error { return nil }

// Remux says what is missing.
func Remux(string, string) error { return errNoOpenCV }

// Snapshotter makes JPEGs of a stream's frames. This build cannot.
type Snapshotter struct{}

// NewSnapshotter gives a Snapshotter that only says what is missing.
func NewSnapshotter() *Snapshotter { return &Snapshotter{} }

// Snapshot says what is missing.
func (*Snapshotter) Snapshot(*video.Frame, *Stream) (preview, full []byte, err error) {
	return nil, nil, errNoOpenCV
}

// Close does nothing.
func (*Snapshotter) Close() error { return nil }

// PacketStream is a camera whose packets are read as they come. This build cannot.
type PacketStream struct{}

// OpenPackets says what is missing.
func OpenPackets(context.Context, source.Address, Options) (*PacketStream, error) {
	return nil, errNoOpenCV
}

// Coding is empty.
func (*PacketStream) Coding() Coding { return Coding{} }

// Info is empty.
func (*PacketStream) Info() video.Info { return video.Info{} }

// Notes gives none.
func (*PacketStream) Notes() []string { return nil }

// Read says what is missing.
func (*PacketStream) Read(context.Context, *Packet) error { return errNoOpenCV }

// Close does nothing.
func (*PacketStream) Close() error { return nil }

// Muxer writes packets into a file. This build cannot.
type Muxer struct{}

// NewMuxer says what is missing.
func NewMuxer(io.WriterAt, Coding, time.Time) (*Muxer, error) { return nil, errNoOpenCV }

// Write says what is missing.
func (*Muxer) Write(*Packet) error { return errNoOpenCV }

// Flush says what is missing.
func (*Muxer) Flush() error { return errNoOpenCV }

// Close says what is missing.
func (*Muxer) Close() error { return errNoOpenCV }

// Abandon does nothing.
func (*Muxer) Abandon() {}
