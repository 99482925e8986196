package worker

import (
	"net"
	"testing"
)

// silentCamera returns the address of a camera that accepts connections and sends nothing.
func silentCamera(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return "rtsp://" + l.Addr().String() + "/x"
}
