package worker

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"vigil/capture"
	"vigil/capture/source"
	"vigil/geometry"
	"vigil/internal/errcode"
	"vigil/video"
)

// start is the worker's configuration. It comes over the pipe, because other programs can read arguments and
// environment.
type start struct {
	Address                  []byte // with its password; bytes, because JSON would change invalid UTF-8
	Reader                   string
	Transport                string
	Trust                    source.Trust
	Follow                   []string
	OpenTimeout, ReadTimeout time.Duration
	Side                     int
	Mask                     []geometry.Polygon
	FirstSeq                 uint64
	Generation               int           `json:"Opening"`  // the pipe keeps its name: docs/formats/worker-pipe.md
	FPSHint                  float64       `json:"KnownFPS"` // likewise
	Keep                     time.Duration // for pictures of full size
	KeepBytes                int
	Record                   bool          // packets instead of pictures
	Segment                  time.Duration // of a recording
}

// maxSide is the largest model input that fits into a picture's message.
const maxSide = 1024

func (s *start) check() error {
	if s.Record {
		return nil
	}
	if s.Side < 1 || s.Side > maxSide {
		return fmt.Errorf("the model's side is %d, must be from 1 to %d", s.Side, maxSide)
	}
	return nil
}

// picture is a frame prepared for the model.
type picture struct {
	seq           uint64
	pts           time.Duration
	arrival       int64 // monotonic clock of the machine in nanoseconds, see monotonicNanos
	width         uint32
	height        uint32
	same          bool
	discontinuity bool
	errors        video.DecodeErrors // since the source was opened
	gray          []byte             // [side][side]
}

const pictureHead = 56

const (
	flagSame = 1 << iota
	flagDiscontinuity
)

func (p *picture) append(b []byte) []byte {
	b = appendMoment(b, p.seq, p.pts, p.arrival)
	b = binary.LittleEndian.AppendUint32(b, p.width)
	b = binary.LittleEndian.AppendUint32(b, p.height)
	var flags uint64
	if p.same {
		flags |= flagSame
	}
	if p.discontinuity {
		flags |= flagDiscontinuity
	}
	b = binary.LittleEndian.AppendUint64(b, flags)
	b = binary.LittleEndian.AppendUint64(b, p.errors.Frames)
	b = binary.LittleEndian.AppendUint64(b, p.errors.Packets)
	return append(b, p.gray...)
}

// readPicture decodes a picture; gray aliases body.
func readPicture(body []byte, side int) (picture, error) {
	if len(body) != pictureHead+side*side {
		return picture{}, fmt.Errorf("%w: a picture of %dx%d pixels has %d bytes", ErrProtocol, side, side, len(body))
	}
	var p picture
	p.seq, p.pts, p.arrival = readMoment(body)
	p.width, p.height = binary.LittleEndian.Uint32(body[24:]), binary.LittleEndian.Uint32(body[28:])
	flags := binary.LittleEndian.Uint64(body[32:])
	p.same, p.discontinuity = flags&flagSame != 0, flags&flagDiscontinuity != 0
	p.errors.Frames, p.errors.Packets = binary.LittleEndian.Uint64(body[40:]), binary.LittleEndian.Uint64(body[48:])
	p.gray = body[pictureHead:]
	if !plausibleSize(p.width) || !plausibleSize(p.height) {
		return picture{}, fmt.Errorf("%w: a frame of %dx%d pixels", ErrProtocol, p.width, p.height)
	}
	return p, nil
}

// plausibleSize bounds sizes to those that FFmpeg's decoders produce.
func plausibleSize(n uint32) bool { return n >= 1 && n <= 1<<16 }

const previewHead = 24

func appendPreview(b []byte, seq uint64, pts time.Duration, arrival int64, jpeg []byte) []byte {
	return append(appendMoment(b, seq, pts, arrival), jpeg...)
}

func appendMoment(b []byte, seq uint64, pts time.Duration, arrival int64) []byte {
	b = binary.LittleEndian.AppendUint64(b, seq)
	b = binary.LittleEndian.AppendUint64(b, uint64(pts))        //nolint:gosec // Read back as signed.
	return binary.LittleEndian.AppendUint64(b, uint64(arrival)) //nolint:gosec // Read back as signed.
}

func readMoment(body []byte) (seq uint64, pts time.Duration, arrival int64) {
	return binary.LittleEndian.Uint64(body),
		time.Duration(binary.LittleEndian.Uint64(body[8:])), //nolint:gosec // It was signed.
		int64(binary.LittleEndian.Uint64(body[16:])) //nolint:gosec // It was signed.
}

// readPreview decodes a preview; jpeg aliases body.
func readPreview(body []byte) (seq uint64, pts time.Duration, arrival int64, jpeg []byte, err error) {
	if len(body) < previewHead {
		return 0, 0, 0, nil, fmt.Errorf("%w: a preview of %d bytes", ErrProtocol, len(body))
	}
	seq, pts, arrival = readMoment(body)
	jpeg = body[previewHead:]
	return seq, pts, arrival, jpeg, checkJPEG(jpeg)
}

func checkJPEG(b []byte) error {
	if n := len(b); n < 4 || b[0] != 0xff || b[1] != 0xd8 || b[n-2] != 0xff || b[n-1] != 0xd9 {
		return fmt.Errorf("%w: a picture that is not a JPEG", ErrProtocol)
	}
	return nil
}

const stillHead = 16

// appendStill encodes the response to the request id; an empty jpeg means that there is no such picture.
func appendStill(b []byte, id, seq uint64, jpeg []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, id)
	b = binary.LittleEndian.AppendUint64(b, seq)
	return append(b, jpeg...)
}

func readStill(body []byte) (id, seq uint64, jpeg []byte, err error) {
	if len(body) < stillHead {
		return 0, 0, nil, fmt.Errorf("%w: a response of %d bytes", ErrProtocol, len(body))
	}
	id, seq, jpeg = binary.LittleEndian.Uint64(body), binary.LittleEndian.Uint64(body[8:]), body[stillHead:]
	if len(jpeg) > 0 {
		err = checkJPEG(jpeg)
	}
	return id, seq, jpeg, err
}

func readStillRequest(body []byte) (id, seq uint64, err error) {
	if len(body) != 16 {
		return 0, 0, fmt.Errorf("%w: a request of %d bytes", ErrProtocol, len(body))
	}
	return binary.LittleEndian.Uint64(body), binary.LittleEndian.Uint64(body[8:]), nil
}

// end is the worker's last message.
type end struct {
	Kind string // "lost", "refused" or "other"
	Text string
	Code errcode.Code `json:",omitempty"` // of the catalogue of errors
	// DamagedFrames and DamagedPackets are the decode errors since the source was opened.
	DamagedFrames, DamagedPackets uint64 `json:",omitempty"`
}

// reasons are the errors of capture that callers of this package distinguish.
var reasons = []struct {
	kind string
	err  error
}{
	{"lost", capture.ErrLost},
	{"refused", capture.ErrRefused},
}

func newEnd(err error) end {
	e := end{Kind: "other", Text: err.Error(), Code: errcode.Of(err)}
	for _, r := range reasons {
		if errors.Is(err, r.err) {
			e.Kind = r.kind
		}
	}
	return e
}

// remoteError is an error that the worker reported; it unwraps to the error that callers compare with.
type remoteError struct {
	text string
	kind error
}

func (e remoteError) Error() string { return e.text }
func (e remoteError) Unwrap() error { return e.kind }

// maxRemoteError limits how much of a worker's text is passed on.
const maxRemoteError = 500

// err converts the worker's report to an error, without anything that may be secret: the worker has decoded untrusted
// input.
func (e end) err(a source.Address) error {
	t := remoteError{text: singleLine(a.Scrub(e.Text), maxRemoteError)}
	if t.text == "" {
		t.text = "the camera's process gave no reason"
	}
	for _, r := range reasons {
		if e.Kind == r.kind {
			t.kind = r.err
		}
	}
	if _, known := errcode.Find(e.Code); known {
		return e.Code.Wrap(t)
	}
	return t
}

func readJSON(body []byte, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		// The decoder's own error may quote the address.
		return fmt.Errorf("%w: not the JSON that it should be", ErrProtocol)
	}
	return nil
}

func appendJSON(v any) func([]byte) []byte {
	return func(b []byte) []byte {
		text, err := json.Marshal(v)
		if err != nil {
			return b // These values always encode; the other side refuses an empty body.
		}
		return append(b, text...)
	}
}
