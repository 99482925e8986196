package capture

import (
	"strings"
	"testing"
	"time"

	"vigil/internal/cameratest"
)

// The error for a camera that does not answer is the same for each attempt, though the local port differs.
func TestReasonIsStable(t *testing.T) {
	host := cameratest.Silent(t)
	for _, scheme := range []string{"rtsp", "rtsps", "http"} {
		addr := cameratest.Address(t, scheme+"://"+host+"/x")
		var texts [2]string
		for i := range texts {
			err := explainURL(t.Context(), addr, Options{}, 100*time.Millisecond)
			if err == nil {
				t.Fatal("a server that never answers gives no reason")
			}
			texts[i] = err.Error()
		}
		if texts[0] != texts[1] || strings.Contains(texts[0], "->") {
			t.Errorf("%s: %q and %q", scheme, texts[0], texts[1])
		}
	}
}
