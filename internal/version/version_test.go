package version

import (
	"strings"
	"testing"
)

func TestUnknown(t *testing.T) {
	text := Info{Version: "(devel)", Modified: true}.String()
	for _, want := range []string{
		"vigil (devel)\n", "commit        unknown", "OpenCV        none",
		"FFmpeg        none", "with changes",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing:\n%s", want, text)
		}
	}
}
