package capture

import (
	"errors"
	"math"
	"time"
	"vigil/capture/source"
)

// Options say how an address is opened. The zero value works.
type Options struct {
	// Reader is what reads a URL: FFmpeg (also when empty) or GoCV. Files, folders and devices are always read by GoCV.
	Reader string
	// Transport is how RTSP carries its pictures: "tcp" (also when empty) or "udp".
	Transport string
	// Trust says whose certificate an rtsps or https camera may show.
	Trust source.Trust
	// Follow are the hosts beside its own that a URL may lead to, by redirects, playlists and the like: host or
	// host:port, as ParseHost reads it.
	Follow []string
	// OpenTimeout and ReadTimeout bound what a URL may take to open and to give the next picture; 0 means 10 s.
	OpenTimeout, ReadTimeout time.Duration
	// FPSHint is the rate that a URL had when it was last open, 0 where that is not known. It makes opening it
	// faster, and is what Info says again unless the URL now has another one.
	FPSHint float64
	// FolderFPS is the frame rate of a folder of images; 0 means 10, the rate of UCSD's recordings.
	FolderFPS float64
	// Realtime makes files and folders come at their own pace instead of as fast as they decode.
	Realtime bool
	// Waiting is called in Read's goroutine each time that a live source's packets come and the read timeout has
	// passed without its first picture: there was no key frame yet. Read goes on for KeyFrameWaits such times.
	Waiting func(note string)
	// FirstSeq is the first Frame's Seq.
	FirstSeq uint64
	// Opening is every Frame's Opening; 0 means 1.
	Opening int
}

// KeyFrameWaits is how many read timeouts a source may take to its first key frame while its packets come: some
// cameras send one each minute.
const KeyFrameWaits = 6

// Errors that callers tell apart. Whatever Open and Read return names the redacted address.
var (
	// ErrTruncated comes instead of io.EOF where a file ends well before the time that its header promises.
	ErrTruncated = errors.New("the file is cut off")
	// ErrLost means that a live source gives no more pictures; opening it again may help.
	ErrLost = errors.New("the stream broke off")
	// ErrRefused means that a server answered and refuses: wrong credentials or no such stream. Opening it again
	// helps only when somebody has changed something.
	ErrRefused = errors.New("the server refuses")
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
	if o.Opening == 0 {
		o.Opening = 1
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

// maxFPS is the highest rate that is believed: FFmpeg gives the ticks of its clock, 90000 or 1200000, where a stream
// does not say.
const maxFPS = 240

// stabiliseFPS is the known rate where the one that a few pictures have is not far from it: their times may be a little
// off.
func stabiliseFPS(measured, known float64) float64 {
	if known > 0 && (measured == 0 || math.Abs(measured/known-1) < 0.25) {
		return known
	}
	return measured
}

// saneFPS gives 0 for a rate that no camera has.
func saneFPS(fps float64) float64 {
	if fps >= 0.01 && fps <= maxFPS {
		return fps
	}
	return 0
}
