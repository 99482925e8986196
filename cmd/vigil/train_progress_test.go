package main

import (
	"encoding/json"
	"strings"
	"testing"

	"vigil/model/train"
)

// An AUC of 0 is the worst that there is, not none.
func TestWatchText(t *testing.T) {
	for state, want := range map[string]string{
		`{"loss":1,"normal":2,"pseudo":0,"auc":0,"pseudo_clips":0}`:   "loss 1.00000, normal clips score 2",
		`{"loss":1,"normal":2,"pseudo":1,"auc":0,"pseudo_clips":3}`:   "AUC between them 0.000",
		`{"loss":1,"normal":2,"pseudo":3,"auc":0.9,"pseudo_clips":3}`: "AUC between them 0.900",
		// A checkpoint of an older version.
		`{"loss":1,"normal":2,"pseudo":3,"auc":0.9}`: "AUC between them 0.900",
		`{"loss":1,"normal":2,"pseudo":0,"auc":0}`:   "loss 1.00000, normal clips score 2",
	} {
		var w train.Validation
		if err := json.Unmarshal([]byte(state), &w); err != nil {
			t.Fatal(err)
		}
		if got := watchText(w); !strings.HasSuffix(got, want) {
			t.Errorf("%s is said as %q, want %q at its end", state, got, want)
		}
	}
}

// A loss of exactly 0 in the first step is a loss, and the mean goes on from it.
func TestProgressBeginsWithTheFirstLoss(t *testing.T) {
	p := newTrainProgress(&strings.Builder{}, "x", 1)
	p.show(train.Progress{Loss: 0})
	p.show(train.Progress{Loss: 1})
	if p.loss > 0.06 {
		t.Errorf("the mean of 0 and then 1 is shown as %v", p.loss)
	}
}
