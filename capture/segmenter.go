package capture

import (
	"io"
	"time"
)

// SegmentFiles stores the files of a Segmenter, one at a time.
type SegmentFiles interface {
	// Begin creates the file of a segment whose first frame arrived at the given time.
	Begin(first time.Time) (io.WriterAt, error)
	// Flushed reports that the segment is playable up to this point.
	Flushed(SegmentStats) error
	// End reports that the segment is complete.
	End(SegmentStats) error
}

// SegmentStats describe a segment's content.
type SegmentStats struct {
	Frames   int
	Duration time.Duration // from the first frame to the last
}

// Segmenter writes packets to files that each start with a key frame. Packets before the first key frame are dropped.
type Segmenter struct {
	Coding Coding
	// Length is the minimum duration of a segment, which ends before the next key frame. 0 starts a segment at every
	// key frame.
	Length time.Duration
	Files  SegmentFiles

	muxer *Muxer
	begun time.Duration // DTS of the segment's first packet
	at    time.Duration // time of the last flush
	stats SegmentStats
}

// flushEvery bounds the part of a segment that is lost if the process dies, apart from the last frame.
const flushEvery = 500 * time.Millisecond

// Write appends a packet and starts a new segment if one is due.
func (s *Segmenter) Write(p *Packet) error {
	if p.Key && (s.muxer == nil || p.DTS-s.begun >= s.Length) {
		if err := s.begin(p); err != nil {
			return err
		}
	}
	if s.muxer == nil {
		return nil
	}
	// Times in a segment start at 0.
	own := *p
	own.PTS -= s.begun
	own.DTS -= s.begun
	if err := s.muxer.Write(&own); err != nil {
		return err
	}
	p.Data = own.Data // Write may have reallocated it
	s.stats.Frames++
	s.stats.Duration = max(s.stats.Duration, own.PTS)
	if s.stats.Frames > 1 && own.DTS-s.at < flushEvery {
		return nil
	}
	s.at = own.DTS
	if err := s.muxer.Flush(); err != nil {
		return err
	}
	return s.Files.Flushed(s.stats)
}

// Waiting reports whether no key frame has come yet.
func (s *Segmenter) Waiting() bool { return s.muxer == nil }

func (s *Segmenter) begin(p *Packet) error {
	if err := s.Close(); err != nil {
		return err
	}
	file, err := s.Files.Begin(p.Arrival)
	if err != nil {
		return err
	}
	if s.muxer, err = NewMuxer(file, s.Coding, p.Arrival); err != nil {
		return err
	}
	s.begun, s.at, s.stats = p.DTS, 0, SegmentStats{}
	return nil
}

// Close ends the current segment. The next Write starts a new one.
func (s *Segmenter) Close() error {
	if s.muxer == nil {
		return nil
	}
	m := s.muxer
	s.muxer = nil
	if err := m.Close(); err != nil {
		return err
	}
	return s.Files.End(s.stats)
}

// Abandon frees the current segment's resources after an error without finishing its file.
func (s *Segmenter) Abandon() {
	if s.muxer != nil {
		s.muxer.Abandon()
		s.muxer = nil
	}
}
