package capture

import (
	"io"
	"time"
)

// SegmentFiles is where a Segmenter puts its files, one after the other.
type SegmentFiles interface {
	// Begin gives the file of a segment whose first picture came at the given time.
	Begin(first time.Time) (io.WriterAt, error)
	// Flushed says that what was written of the segment so far is playable.
	Flushed(SegmentStats) error
	// End says that the segment is complete.
	End(SegmentStats) error
}

// SegmentStats say what is in a segment.
type SegmentStats struct {
	Frames   int
	Duration time.Duration // from its first picture to its last
}

// Segmenter writes packets into files that each begin at a key frame. Packets before the first key frame are left out.
type Segmenter struct {
	Coding Coding
	// Length is how long a segment is at least: it ends before the next key frame. 0 makes one of each group of
	// pictures.
	Length time.Duration
	Files  SegmentFiles

	muxer *Muxer
	begun time.Duration // DTS of the segment's first packet
	at    time.Duration // of the last flush
	stats SegmentStats
}

// flushEvery is how much of a segment a sudden end may cost at most, but for the last picture.
const flushEvery = 500 * time.Millisecond

// Write appends a packet, to a new segment where one is due.
func (s *Segmenter) Write(p *Packet) error {
	if p.Key && (s.muxer == nil || p.DTS-s.begun >= s.Length) {
		if err := s.begin(p); err != nil {
			return err
		}
	}
	if s.muxer == nil {
		return nil
	}
	// Times count from the segment's beginning.
	own := *p
	own.PTS -= s.begun
	own.DTS -= s.begun
	if err := s.muxer.Write(&own); err != nil {
		return err
	}
	p.Data = own.Data // it may have been moved to make room
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

// Waiting says that no key frame has come yet.
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

// Close ends the segment that is under way. Another Write begins a new one.
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

// Abandon frees what a segment under way takes, after an error, and leaves its file as it is.
func (s *Segmenter) Abandon() {
	if s.muxer != nil {
		s.muxer.Abandon()
		s.muxer = nil
	}
}
