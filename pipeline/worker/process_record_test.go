package worker

import (
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"time"

	"vigil/capture"
)

// memorySegments is a folder of segments in memory.
type memorySegments struct {
	segments [][]byte
	ended    []capture.SegmentStats
}

func (t *memorySegments) Begin(time.Time) (io.WriterAt, error) {
	t.segments = append(t.segments, nil)
	return t, nil
}

func (t *memorySegments) WriteAt(b []byte, at int64) (int, error) {
	s := &t.segments[len(t.segments)-1]
	*s = append((*s)[:min(at, int64(len(*s)))], b...)
	return len(b), nil
}

func (t *memorySegments) Flushed(capture.SegmentStats) error { return nil }

func (t *memorySegments) End(s capture.SegmentStats) error {
	t.ended = append(t.ended, s)
	return nil
}

// TestRecordingChecksWorker checks that the worker's segment messages are validated, since it has decoded untrusted
// input.
func TestRecordingChecksWorker(t *testing.T) {
	type message struct {
		kind kind
		body []byte
	}
	chunk := func(at uint64, text string) message {
		return message{kindChunk, append(binary.LittleEndian.AppendUint64(nil, at), text...)}
	}
	begin := message{kindSegment, []byte(`{"First":1}`)}
	end := message{kindSegmentEnd, []byte(`{"Frames":2,"Duration":1000}`)}
	tests := map[string]struct {
		messages []message
		bad      bool // the last message breaks the protocol
	}{
		"two segments": {[]message{
			{kindWaiting, nil},
			begin, chunk(0, "ab"), chunk(2, "c"), chunk(0, "x"),
			end, begin, chunk(0, "d"), end,
		}, false},
		"bytes of no segment":          {[]message{chunk(0, "a")}, true},
		"bytes after the end":          {[]message{begin, chunk(0, "a"), end, chunk(1, "b")}, true},
		"a hole":                       {[]message{begin, chunk(0, "a"), chunk(2, "b")}, true},
		"a hole of 2^63":               {[]message{begin, chunk(1<<63, "b")}, true},
		"no offset":                    {[]message{begin, {kindChunk, []byte("abc")}}, true},
		"a segment in another":         {[]message{begin, begin}, true},
		"the end of nothing":           {[]message{end}, true},
		"flushed nothing":              {[]message{{kindFlushed, []byte(`{"Frames":1}`)}}, true},
		"frames below 0":               {[]message{begin, {kindSegmentEnd, []byte(`{"Frames":-1}`)}}, true},
		"a length below 0":             {[]message{begin, {kindSegmentEnd, []byte(`{"Duration":-1}`)}}, true},
		"no JSON":                      {[]message{{kindSegment, []byte("{")}}, true},
		"a picture":                    {[]message{{kindPicture, make([]byte, 64)}}, true},
		"a response without a request": {[]message{{kindStill, make([]byte, 16)}}, true},
		"a message of the parent":      {[]message{{kindFinish, nil}}, true},
		"the time of 100 years": {
			[]message{begin, {kindFlushed, []byte(`{"Duration":3153600000000000000}`)}},
			true,
		},
	}
	for name, tt := range tests {
		to := &memorySegments{}
		r := recording{files: to}
		var err error
		for i, m := range tt.messages {
			if err != nil {
				t.Errorf("%s: message %d: %v", name, i-1, err)
			}
			err = r.take(&Process{}, m.kind, m.body)
		}
		if errors.Is(err, ErrProtocol) != tt.bad || !tt.bad && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if name == "two segments" && (len(to.ended) != 2 || string(to.segments[1]) != "d" || to.ended[0].Frames != 2) {
			t.Errorf("%q, %+v", to.segments, to.ended)
		}
	}
}
