package capture

// notes are what a source has to say beside its pictures, each once.
type notes struct {
	fresh []string
	said  map[string]bool
}

// maxNotes is how many a source may have; what a hostile one makes up is bounded.
const maxNotes = 32

// once takes a note that was not taken before; an empty one is none.
func (n *notes) once(text string) {
	if text == "" || n.said[text] || len(n.said) >= maxNotes {
		return
	}
	if n.said == nil {
		n.said = map[string]bool{}
	}
	n.said[text] = true
	n.fresh = append(n.fresh, text)
}

func (n *notes) take() []string {
	fresh := n.fresh
	n.fresh = nil
	return fresh
}

// Notes gives what the source has to say since the last call, mostly nothing: that its clock leaps, which of its
// tracks is read, that numbers are missing. They name no password. A caller logs them, at the latest when it closes
// the stream.
func (s *Stream) Notes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n, ok := s.src.(interface{ take() []string }); ok {
		return n.take()
	}
	return nil
}
