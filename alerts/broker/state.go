package broker

import (
	"context"
	"time"
)

// State is what the stream of alerts holds.
type State struct {
	Created             time.Time // numbers begin again in a stream that was created again
	FirstSeq, LastSeq   uint64    // numbers of the oldest message and of the one stored last
	FirstTime, LastTime time.Time // when these were stored
	Deleted             int       // messages between the two that were deleted
}

// State returns the state of the stream of alerts, or ErrNoStream.
func (c *Conn) State(ctx context.Context) (State, error) {
	s, err := c.stream(ctx)
	if err != nil {
		return State{}, err
	}
	info := s.CachedInfo()
	return State{
		Created: info.Created, FirstSeq: info.State.FirstSeq, LastSeq: info.State.LastSeq,
		FirstTime: info.State.FirstTime, LastTime: info.State.LastTime, Deleted: info.State.NumDeleted,
	}, nil
}
