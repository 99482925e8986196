package capture

import (
	"errors"
	"math"
	"time"

	"vigil/capture/source"
	"vigil/internal/errcode"
)

// Options configure how an address is opened. The zero value works.
type Options struct {
	// Reader selects what reads a URL: FFmpeg (also when empty) or GoCV. GoCV always reads files, folders and devices.
	Reader string
	// Transport is the transport of RTSP streams: "tcp" (also when empty) or "udp".
	Transport string
	// Trust determines which certificates are accepted from an rtsps or https camera.
	Trust source.Trust
	// Follow lists the hosts besides its own to which a URL may refer, by redirects, playlists and the like: host or
	// host:port, as ParseHost reads it.
	Follow []string
	// OpenTimeout and ReadTimeout bound the time to open a URL and to read the next frame; 0 means 10 s.
	OpenTimeout, ReadTimeout time.Duration
	// FPSHint is the frame rate that a URL had when it was last open, 0 if unknown. It makes opening faster, and Info
	// reports it unless the URL's rate has changed.
	FPSHint float64
	// FolderFPS is the frame rate of a folder of images; 0 means 10, the rate of the UCSD data set.
	FolderFPS float64
	// Realtime plays files and folders at their own frame rate instead of as fast as they decode.
	Realtime bool
	// Waiting is called in Read's goroutine each time the read timeout passes while a live source sends packets but no
	// key frame has come yet. Read gives up after KeyFrameWaits such timeouts.
	Waiting func(note string)
	// FirstSeq is the Seq of the first Frame.
	FirstSeq uint64
	// Generation is the Generation of every Frame; 0 means 1.
	Generation int
}

// KeyFrameWaits is the number of read timeouts allowed before a source's first key frame while packets arrive: some
// cameras send one key frame per minute.
const KeyFrameWaits = 6

// Errors that callers distinguish. All errors of Open and Read name the redacted address.
var (
	// ErrTruncated replaces io.EOF if a file ends well before the time that its header promises.
	ErrTruncated = errcode.RecordingTruncated.New("the file is cut off")
	// ErrLost means that a live source delivers no more pictures; opening it again may help.
	ErrLost = errcode.CameraLost.New("the stream broke off")
	// ErrRefused means that a server answered and refuses: wrong credentials or no such stream. Opening it again
	// helps only when somebody has changed something.
	ErrRefused = errcode.CameraRefused.New("the server refuses")
)

const defaultTimeout = 10 * time.Second

func (o Options) withDefaults() (Options, error) {
	if o.OpenTimeout <= 0 {
		o.OpenTimeout = defaultTimeout
	}
	if o.ReadTimeout <= 0 {
		o.ReadTimeout = defaultTimeout
	}
	if o.FolderFPS == 0 {
		o.FolderFPS = 10
	}
	if !(o.FolderFPS > 0 && o.FolderFPS <= maxFPS) {
		return o, errors.New("a folder's frame rate is above 0 and at most 240")
	}
	if o.Generation == 0 {
		o.Generation = 1
	}
	if o.Reader != "" && o.Reader != source.FFmpeg && o.Reader != source.GoCV {
		return o, errors.New("the reader is ffmpeg or gocv")
	}
	switch o.Transport {
	case "":
		o.Transport = "tcp"
	case "tcp", "udp":
	default:
		return o, errors.New("the transport is tcp or udp")
	}
	return o, nil
}

// maxFPS is the highest plausible rate: for a stream without a declared rate FFmpeg returns the ticks of its clock,
// 90000 or 1200000.
const maxFPS = 240

// stabiliseFPS returns the known rate if the measured one is close to it, because a rate measured from a few frames is
// imprecise.
func stabiliseFPS(measured, known float64) float64 {
	if known > 0 && (measured == 0 || math.Abs(measured/known-1) < 0.25) {
		return known
	}
	return measured
}

// saneFPS returns 0 for an implausible rate.
func saneFPS(fps float64) float64 {
	if fps >= 0.01 && fps <= maxFPS {
		return fps
	}
	return 0
}
