//go:build cgo && gocv_videoio

package capture

import (
	"testing"

	"vigil/internal/rtsptest"
)

func TestRTSPS(t *testing.T) {
	server := rtsptest.Start(t, rtsptest.Options{Certificate: rtsptest.SelfSigned(t, "127.0.0.1"), User: "viewer", Password: "geheim"})
	for _, transport := range []string{"tcp", "udp"} {
		t.Run(transport, func(t *testing.T) {
			o := quick
			o.Transport = transport
			readRising(t, openAddress(t, address(t, server.URL()), o), 0, 1)
		})
	}
}
