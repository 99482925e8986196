package thread

import (
	"context"
	"fmt"
	"log/slog"
	"testing"

	"vigil/alerts"
)

// nowhere is a Publisher that is never called.
type nowhere struct{}

func (nowhere) Publish(context.Context, alerts.Alert) error { return nil }
func (nowhere) PublishScore(alerts.Score) error             { return nil }
func (nowhere) PublishStatus(alerts.Status) error           { return nil }

// However many changes are queued, the last of each camera is kept, and a camera that flaps displaces none of the
// others.
func TestLossyQueueKeepsLatest(t *testing.T) {
	n := newLossyQueue()
	n.states.Put(alerts.Status{Camera: "yard", State: alerts.StateLive}, maxStatusPerCamera)
	for i := range uint64(100) {
		n.states.Put(alerts.Status{Camera: "gate", State: alerts.StateFailing, Count: i}, maxStatusPerCamera)
		n.scores.Put(alerts.Score{Camera: "gate", Frame: i}, scoreQueue)
	}
	scores, states := n.scores.Take(), n.states.Take()
	if len(states) != 1+maxStatusPerCamera || states[0].Camera != "yard" || states[maxStatusPerCamera].Count != 99 ||
		states[1].Count != 100-maxStatusPerCamera {
		t.Errorf("states that wait: %v", fmt.Sprint(states))
	}
	if len(scores) != scoreQueue || scores[0].Frame != 100-scoreQueue || scores[scoreQueue-1].Frame != 99 {
		t.Errorf("%d scores wait, from frame %d", len(scores), scores[0].Frame)
	}
}

// What gives way to newer scores and states is counted.
func TestUnsent(t *testing.T) {
	q := NewQueue(Options{Publisher: nowhere{}, Log: slog.New(slog.DiscardHandler)})
	for range maxStatusPerCamera + 3 {
		q.SendStatus(alerts.Status{Camera: "gate"})
	}
	for range scoreQueue + 5 {
		q.SendScore(alerts.Score{Camera: "gate"})
	}
	if n := q.Unsent(); n != (alerts.Unsent{Scores: 5, States: 3}) {
		t.Errorf("%+v", n)
	}
}
