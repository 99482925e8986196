//go:build cgo && gocv_videoio

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"vigil/alerts"
	"vigil/internal/alerttest"
	"vigil/internal/natstest"
	"vigil/internal/rtsptest"
	"vigil/internal/scene"
)

// streetCamera plays the first so many frames of a street over RTSP, to each client from the first one on. What a
// client sees is known: the street's Episodes count the same frames.
func streetCamera(t *testing.T, cfg scene.Config, frames int) (url string, street *scene.Street) {
	t.Helper()
	street, err := scene.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "street.mkv")
	if err := street.WriteVideo(t.Context(), path, frames); err != nil {
		t.Fatal(err)
	}
	return rtsptest.Start(t, rtsptest.Options{File: path}).URL(), street
}

// A cart drives through a street that a real RTSP server shows; the weights are those that know this street. The alert
// must be of the very frames in which the truth has the cart.
func TestRunFindsTheCartOverRTSP(t *testing.T) {
	url, street := streetCamera(t,
		scene.Config{Seed: 1, Day: 4, Script: []scene.Moment{{Kind: scene.Cart, At: 2 * time.Second}}}, 100)
	cart := street.Episodes(100)
	if len(cart) != 1 {
		t.Fatalf("the street has %v, want one cart", cart)
	}
	weights, err := filepath.Abs(streetWeights)
	if err != nil {
		t.Fatal(err)
	}
	port := natstest.FreePort(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "vigil.yaml")
	text := fmt.Sprintf(`
data_dir: %s
model: %s
nats:
  embedded:
    port: %d
cameras:
  - name: street
    source: %s
    hop: 2
    threshold: {lo: 0.02, theta: 0.16}
`, filepath.Join(dir, "data"), weights, port, url)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	events := make(chan *nats.Msg, 100)
	if _, err := connectPlain(t, fmt.Sprintf("nats://127.0.0.1:%d", port)).ChanSubscribe("vigil.alerts.street.end",
		events); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var stderr alerttest.Log
	code := make(chan int, 1)
	go func() { code <- run(ctx, []string{"run", "-c", file}, &stderr, &stderr) }()
	select {
	case m := <-events:
		a, err := alerts.Decode(m.Data)
		if err != nil {
			t.Fatal(err)
		}
		// A client that comes while the server prepares may miss a frame or two at the beginning.
		const missed = 3
		peak, e := int(a.Peak.Frame), cart[0]
		t.Logf("cart in frames %d to %d, alert %d to %d, peak %d error %g", e.FirstFrame, e.LastFrame, a.Start.Frame,
			a.End.Frame, peak, a.PeakError)
		if peak < e.FirstFrame-missed || peak > e.LastFrame {
			t.Errorf("the alert's peak is frame %d, the cart is there from %d to %d", peak, e.FirstFrame, e.LastFrame)
		}
	case c := <-code:
		t.Fatalf("vigil ended with code %d:\n%s", c, stderr.String())
	case <-time.After(alerttest.LongWait):
		t.Fatalf("no alert came:\n%s", stderr.String())
	}
	stop()
	if c := <-code; c != exitDone {
		t.Errorf("exit code %d:\n%s", c, stderr.String())
	}
}
