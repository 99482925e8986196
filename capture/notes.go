package capture

// notes collects a source's remarks that are not errors, each of them once.
type notes struct {
	unread []string
	added  map[string]bool
}

// maxNotes bounds the number of notes that a hostile source can cause.
const maxNotes = 32

// add adds a note unless it is empty or was added before.
func (n *notes) add(text string) {
	if text == "" || n.added[text] || len(n.added) >= maxNotes {
		return
	}
	if n.added == nil {
		n.added = map[string]bool{}
	}
	n.added[text] = true
	n.unread = append(n.unread, text)
}

func (n *notes) take() []string {
	unread := n.unread
	n.unread = nil
	return unread
}

// Notes returns the notes since the last call, usually none: that the clock leaps, which of several tracks is read,
// that numbers are missing. They contain no passwords. The caller logs them, at the latest when it closes the stream.
func (s *Stream) Notes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n, ok := s.src.(interface{ take() []string }); ok {
		return n.take()
	}
	return nil
}
