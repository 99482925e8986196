package store

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"vigil/internal/errcode"
)

// State is what the stream of alerts must hold, and what vigil needs if the stream has lost it. It is never ahead of
// the stream: everything here was acknowledged before.
type State struct {
	First uint64 `json:"first"` // lower numbers were reclaimed, or are about to be
	Last  uint64 `json:"last"`
	// the numbers that must exist; not all from First to Last, since others stored some
	Expected Ranges            `json:"must,omitempty"`
	Holes    Ranges            `json:"holes,omitempty"` // missing numbers that were reported
	Open     map[string]Event  `json:"open,omitempty"`  // events without an end, by their id
	Cursors  map[string]uint64 `json:"cursors,omitempty"`
	Streams  map[string]Stream `json:"streams,omitempty"`
}

// Event is an open event.
type Event struct {
	Seq   int             `json:"seq"`   // of its last message
	First uint64          `json:"first"` // number of its first message in the stream
	Last  uint64          `json:"last"`  // and of its last
	Data  json.RawMessage `json:"data"`  // its last message, from which an end can be built when the stream has lost it
}

// Stream describes a stream apart from its messages.
type Stream struct {
	Folder string          `json:"folder"` // below the server's directory
	Meta   json.RawMessage `json:"meta"`   // its configuration, as the server writes it
	Last   uint64          `json:"last"`
}

func newState() *State {
	return &State{Open: map[string]Event{}, Cursors: map[string]uint64{}, Streams: map[string]Stream{}}
}

func (s *State) clone() *State {
	c := *s
	c.Expected, c.Holes, c.Open, c.Cursors, c.Streams = slices.Clone(s.Expected), slices.Clone(s.Holes),
		maps.Clone(s.Open),
		maps.Clone(s.Cursors), maps.Clone(s.Streams)
	return &c
}

// entry is a line of the ledger: a change, or in the first line the whole state.
type entry struct {
	Version int    `json:"version,omitempty"`
	State   *State `json:"state,omitempty"`

	Stored  uint64            `json:"stored,omitempty"` // number of a message
	Present Ranges            `json:"there,omitempty"`  // numbers that were found
	Alert   string            `json:"alert,omitempty"`  // its alert's id
	Seq     int               `json:"seq,omitempty"`
	Ended   bool              `json:"ended,omitempty"`
	Data    json.RawMessage   `json:"data,omitempty"`
	First   uint64            `json:"first,omitempty"`
	Holes   Ranges            `json:"holes,omitempty"`
	Cursors map[string]uint64 `json:"cursors,omitempty"`
	Forget  []string          `json:"forget,omitempty"`
	Streams map[string]Stream `json:"streams,omitempty"`
}

// ledgerVersion is the version of the file's format.
const ledgerVersion = 1

// apply applies a change. It may be repeated, and changes of different cameras may come in any order.
func (s *State) apply(e entry) {
	for _, t := range append(slices.Clone(e.Present), Range{e.Stored, e.Stored}) {
		if t.Last > 0 {
			s.Expected.Add(t.First, t.Last)
			s.Last = max(s.Last, t.Last)
		}
	}
	s.Holes = s.Holes.Without(e.Present)
	switch was, ok := s.Open[e.Alert]; {
	case e.Alert == "":
	case e.Ended:
		delete(s.Open, e.Alert)
	case !ok:
		s.Open[e.Alert] = Event{Seq: e.Seq, First: e.Stored, Last: e.Stored, Data: e.Data}
	case e.Seq >= was.Seq:
		s.Open[e.Alert] = Event{Seq: e.Seq, First: was.First, Last: e.Stored, Data: e.Data}
	}
	if e.First > s.First {
		s.First = e.First
		s.Expected, s.Holes = s.Expected.Within(e.First, s.Last), s.Holes.Within(e.First, s.Last)
	}
	for _, h := range e.Holes {
		s.Holes.Add(h.First, h.Last)
	}
	if len(e.Holes) > 0 {
		s.Expected = s.Expected.Without(e.Holes)
	}
	maps.Copy(s.Cursors, e.Cursors)
	for _, key := range e.Forget {
		delete(s.Cursors, key)
	}
	if e.Streams != nil {
		s.Streams = maps.Clone(e.Streams)
	}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encodeEntry encodes a line: CRC-32C, a space, JSON.
func encodeEntry(e entry) ([]byte, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%08x %s\n", crc32.Checksum(text, castagnoli), text), nil
}

// ErrNewer means that a ledger was written by a later version.
var ErrNewer = errcode.StoreNewerFormat.New("was written by a newer vigil: use that one, or another data_dir")

// LedgerFile returns the path of the ledger in a server's directory.
func LedgerFile(dir string) string { return filepath.Join(dir, "ledger") }

// ReadState reads the ledger of a server's directory. It is nil if there is none, or if its first line cannot be read;
// damage describes the damage. An unreadable line is skipped: the others are valid without it. An incomplete last line
// was never finished, and is not damage.
func ReadState(dir string) (s *State, damage string, err error) {
	if info, err := os.Lstat(LedgerFile(dir)); err == nil && !info.Mode().IsRegular() {
		return nil, "it is not a file", nil
	}
	file, err := os.Open(LedgerFile(dir))
	if errors.Is(err, os.ErrNotExist) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = file.Close() }() // it was only read
	in := bufio.NewReader(file)
	bad := 0
	for n := 1; ; n++ {
		text, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			if e, ok := decodeEntry(text); ok && s != nil {
				s.apply(e)
			}
			break
		}
		if err != nil {
			return nil, "", err
		}
		e, ok := decodeEntry(text)
		switch {
		case ok && e.Version > ledgerVersion:
			return nil, "", fmt.Errorf("%s %w", LedgerFile(dir), ErrNewer)
		case n == 1 && (!ok || e.State == nil):
			return nil, "its beginning cannot be read", nil
		case n == 1:
			s = newState()
			if s.First, s.Last, s.Expected, s.Holes = e.State.First, e.State.Last, e.State.Expected,
				e.State.Holes; e.State.Open != nil {
				s.Open = e.State.Open
			}
			maps.Copy(s.Cursors, e.State.Cursors)
			maps.Copy(s.Streams, e.State.Streams)
		case ok:
			s.apply(e)
		default:
			bad++
		}
	}
	switch {
	case s == nil:
		return nil, "it is empty", nil
	case bad > 0:
		damage = fmt.Sprintf("%d of its lines cannot be read", bad)
	}
	return s, damage, nil
}

func decodeEntry(text []byte) (e entry, ok bool) {
	sum, rest, found := bytes.Cut(bytes.TrimSuffix(text, []byte("\n")), []byte(" "))
	if !found || string(sum) != fmt.Sprintf("%08x", crc32.Checksum(rest, castagnoli)) {
		return e, false
	}
	return e, json.Unmarshal(rest, &e) == nil
}
