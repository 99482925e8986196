package cameratest

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Silent returns the host and port of a server that accepts connections and never sends anything.
func Silent(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer func() { _ = c.Close() }()
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		accepting.Wait()
	})
	return l.Addr().String()
}

// MotionJPEGType is the media type of WriteJPEG's pictures.
const MotionJPEGType = "multipart/x-mixed-replace; boundary=x"

// WriteJPEG writes one picture of motion JPEG, as cameras send it over HTTP.
func WriteJPEG(w io.Writer, picture []byte) error {
	_, err := fmt.Fprintf(w, "--x\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n",
		len(picture), picture)
	return err
}

// MotionJPEG returns the URL of a camera that sends a picture at intervals, for as long as a client reads. Pictures are
// numbered from 1 on, over all connections.
func MotionJPEG(t testing.TB, interval time.Duration, picture func(number int) []byte) string {
	t.Helper()
	var sent atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", MotionJPEGType)
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for r.Context().Err() == nil {
			if WriteJPEG(w, picture(int(sent.Add(1)))) != nil || http.NewResponseController(w).Flush() != nil {
				return
			}
			<-tick.C
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}
