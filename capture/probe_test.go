package capture

import (
	"net"
	"strings"
	"testing"
	"time"

	"vigil/capture/source"
)

// The error for a camera that does not answer is the same for each attempt, though the local port differs.
func TestReasonIsStable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close() // accepted and never answered
		}
	}()
	for _, scheme := range []string{"rtsp", "rtsps", "http"} {
		addr, err := source.ParseAddress(scheme + "://" + l.Addr().String() + "/x")
		if err != nil {
			t.Fatal(err)
		}
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
