package train

import (
	"encoding/json"
	"strings"
	"testing"
)

// An AUC of 0 is the worst that there is, not none.
func TestValidationString(t *testing.T) {
	for state, want := range map[string]string{
		`{"loss":1,"normal":2,"pseudo":0,"auc":0,"pseudo_clips":0}`:   "loss 1.00000, normal clips score 2",
		`{"loss":1,"normal":2,"pseudo":1,"auc":0,"pseudo_clips":3}`:   "AUC between them 0.000",
		`{"loss":1,"normal":2,"pseudo":3,"auc":0.9,"pseudo_clips":3}`: "AUC between them 0.900",
		// A checkpoint of an older version.
		`{"loss":1,"normal":2,"pseudo":3,"auc":0.9}`: "AUC between them 0.900",
		`{"loss":1,"normal":2,"pseudo":0,"auc":0}`:   "loss 1.00000, normal clips score 2",
	} {
		var w Validation
		if err := json.Unmarshal([]byte(state), &w); err != nil {
			t.Fatal(err)
		}
		if got := w.String(); !strings.HasSuffix(got, want) {
			t.Errorf("%s is printed as %q, want %q at its end", state, got, want)
		}
	}
}
