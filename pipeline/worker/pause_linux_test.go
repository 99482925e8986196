//go:build cgo && gocv_videoio

package worker

import (
	"context"
	"errors"
	"testing"
	"time"

	"vigil/internal/cameratest"
	"vigil/internal/rtsptest"
)

// TestPause checks that a paused camera is not decoded, does not time out, and resumes with the next number at its own
// time.
func TestPause(t *testing.T) {
	server := rtsptest.Start(t, rtsptest.Options{})
	addr := cameratest.Address(t, server.URL())
	p, err := Start(t.Context(), Options{Address: addr, OpenTimeout: waitTimeout, ReadTimeout: time.Second, Side: 64})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	last, err := p.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Pause(true); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), p.o.ReadTimeout+replyMargin+time.Second)
	defer cancel()
	under := 0 // pictures that were already in the pipe
	for {
		pic, err := p.Next(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			break
		}
		if err != nil {
			t.Fatalf("while it is paused: %v", err)
		}
		last, under = pic, under+1
	}
	if err := p.Pause(false); err != nil {
		t.Fatal(err)
	}
	pic, err := p.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const fps = 25
	if missed := int((pic.PTS - last.PTS).Seconds() * fps); under > queueLength || pic.Seq != last.Seq+1 ||
		missed < 2*fps {
		t.Errorf("%d pictures after it was paused, %d passed over, then frame %d after %d", under, missed,
			pic.Seq, last.Seq)
	}
	for range fps {
		if _, err := p.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
