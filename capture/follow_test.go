package capture

import "testing"

func TestPlainHost(t *testing.T) {
	if got := plainHost("a\x1b[31m\u202e.example:1"); got != "a?[31m?.example:1" {
		t.Errorf("%q", got)
	}
}
