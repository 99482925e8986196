package video

// DecodeErrors counts what of a source could not be decoded.
type DecodeErrors struct {
	Frames  uint64 // damaged frames, or predicted from such, that were left out: their sequence numbers are skipped
	Packets uint64 // packets that gave no frame at all; they have no sequence number
}

// Total returns the number of errors.
func (d DecodeErrors) Total() uint64 { return d.Frames + d.Packets }
