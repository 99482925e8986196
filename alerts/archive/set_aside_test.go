package archive

import (
	"slices"
	"testing"

	"vigil/alerts/outbox"
)

func TestChooseAside(t *testing.T) {
	var all []outbox.Aside
	// the last of another sink
	for _, id := range []string{"01AAA:1", "01AAA:10", "01AAA:11", "01ABB:1", "garbage", "01AAA:1"} {
		all = append(all, outbox.Aside{MessageID: id})
	}
	for _, c := range []struct {
		ids  []string
		want []string // nil for an error
	}{
		{[]string{"01AAA:1"}, []string{"01AAA:1", "01AAA:1"}},
		{[]string{"01aaa:10"}, []string{"01AAA:10"}},
		{[]string{"01AAA"}, []string{"01AAA:1", "01AAA:10", "01AAA:11", "01AAA:1"}},
		{[]string{"01ab", "garbage"}, []string{"01ABB:1", "garbage"}},
		{[]string{"01AAA:1", "01CCC"}, nil},
		{[]string{"01AAA:12"}, nil},
	} {
		chosen, err := ChooseAside(all, c.ids)
		var got []string
		for _, a := range chosen {
			got = append(got, a.MessageID)
		}
		if !slices.Equal(got, c.want) || (err != nil) != (c.want == nil) {
			t.Errorf("%q: %q, %v, want %q", c.ids, got, err, c.want)
		}
	}
}
