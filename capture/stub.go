//go:build !cgo || !gocv_videoio

package capture

import (
	"context"
	"io"
	"time"

	"vigil/capture/source"
	"vigil/internal/errcode"
	"vigil/video"
)

var errNoOpenCV = errcode.BuildNoOpenCV.New(
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

// Writer writes a video file. This build does not support it.
type Writer struct{}

// CreateVideo returns an error in this build.
func CreateVideo(string, float64, int, int, string) (*Writer, error) { return nil, errNoOpenCV }

// Write returns an error in this build.
func (*Writer) Write(*video.Frame) error { return errNoOpenCV }

// Close does nothing.
func (*Writer) Close() error { return nil }

// Remux returns an error in this build.
func Remux(string, string) error { return errNoOpenCV }

// Snapshotter encodes a stream's frames as JPEG. This build does not support it.
type Snapshotter struct{}

// NewSnapshotter returns a Snapshotter that only returns errors.
func NewSnapshotter() *Snapshotter { return &Snapshotter{} }

// Snapshot returns an error in this build.
func (*Snapshotter) Snapshot(*video.Frame, *Stream) (preview, full []byte, err error) {
	return nil, nil, errNoOpenCV
}

// Close does nothing.
func (*Snapshotter) Close() error { return nil }

// PacketStream reads a camera's packets. This build does not support it.
type PacketStream struct{}

// OpenPackets returns an error in this build.
func OpenPackets(context.Context, source.Address, Options) (*PacketStream, error) {
	return nil, errNoOpenCV
}

// Coding is empty.
func (*PacketStream) Coding() Coding { return Coding{} }

// Info is empty.
func (*PacketStream) Info() video.Info { return video.Info{} }

// Notes returns none.
func (*PacketStream) Notes() []string { return nil }

// Read returns an error in this build.
func (*PacketStream) Read(context.Context, *Packet) error { return errNoOpenCV }

// Close does nothing.
func (*PacketStream) Close() error { return nil }

// Muxer writes packets to a file. This build does not support it.
type Muxer struct{}

// NewMuxer returns an error in this build.
func NewMuxer(io.WriterAt, Coding, time.Time) (*Muxer, error) { return nil, errNoOpenCV }

// Write returns an error in this build.
func (*Muxer) Write(*Packet) error { return errNoOpenCV }

// Flush returns an error in this build.
func (*Muxer) Flush() error { return errNoOpenCV }

// Close returns an error in this build.
func (*Muxer) Close() error { return errNoOpenCV }

// Abandon does nothing.
func (*Muxer) Abandon() {}
