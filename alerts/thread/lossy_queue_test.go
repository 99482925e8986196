package thread

import (
	"fmt"
	"testing"

	"vigil/alerts"
)

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
