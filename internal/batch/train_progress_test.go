package batch

import (
	"strings"
	"testing"

	"vigil/model/train"
)

// A loss of exactly 0 in the first step counts, and the mean continues from it.
func TestProgressBeginsWithTheFirstLoss(t *testing.T) {
	p := NewTrainProgress(&strings.Builder{}, "x", 1)
	defer p.Finish()
	p.Show(train.Progress{Loss: 0})
	p.Show(train.Progress{Loss: 1})
	if p.loss > 0.06 {
		t.Errorf("the mean of 0 and then 1 is shown as %v", p.loss)
	}
}
