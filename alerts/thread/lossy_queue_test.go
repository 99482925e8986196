package thread

import (
	"fmt"
	"testing"

	"vigil/alerts"
)

// However many changes are queued, the last of each camera is kept, and a camera that flaps displaces none of the
// others.
func TestTheLatestStatesAndScoresAreKept(t *testing.T) {
	n := newLossyQueue()
	n.addStatus(alerts.Status{Camera: "yard", State: alerts.StateLive})
	for i := range uint64(100) {
		n.addStatus(alerts.Status{Camera: "gate", State: alerts.StateFailing, Count: i})
		n.addScore(alerts.Score{Camera: "gate", Frame: i})
	}
	scores, states := n.take()
	if len(states) != 1+maxStatusPerCamera || states[0].Camera != "yard" || states[maxStatusPerCamera].Count != 99 ||
		states[1].Count != 100-maxStatusPerCamera {
		t.Errorf("states that wait: %v", fmt.Sprint(states))
	}
	if len(scores) != scoreQueue || scores[0].Frame != 100-scoreQueue || scores[scoreQueue-1].Frame != 99 {
		t.Errorf("%d scores wait, from frame %d", len(scores), scores[0].Frame)
	}
	if scores, states = n.take(); len(scores)+len(states) > 0 {
		t.Error("what was taken waits still")
	}
}
