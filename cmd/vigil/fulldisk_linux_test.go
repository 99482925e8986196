//go:build linux && cgo && gocv_videoio

package main

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/alerts/archive"
	"vigil/alerts/broker"
	"vigil/internal/alerttest"
	"vigil/internal/cameratest"
	"vigil/internal/disktest"
	"vigil/internal/rtsptest"
)

// flashingCamera is a camera that sees grey for a second and white for another, over and over: to a network that
// rebuilds everything as grey that is an event every other second.
func flashingCamera(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for i := range 50 {
		img := image.NewGray(image.Rect(0, 0, 320, 240))
		for j := range img.Pix {
			img.Pix[j] = 128
			if i >= 25 {
				img.Pix[j] = 250
			}
		}
		img.SetGray(i, i, color.Gray{}) // so that no two pictures are the same
		var b bytes.Buffer
		if err := jpeg.Encode(&b, img, nil); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d.jpg", i)), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return `( multifilesrc loop=true caps="image/jpeg,framerate=25/1" location="` + dir +
		`/%03d.jpg" ! jpegdec ! videoconvert ! identity sync=true ! ` +
		"x264enc tune=zerolatency speed-preset=ultrafast key-int-max=25 ! rtph264pay name=pay0 pt=96 )"
}

// ballast keeps a disk full, whatever is deleted, until it is dropped.
type ballast struct {
	path string
	stop chan struct{}
	done chan struct{}
}

func fillDisk(t *testing.T, dir string) *ballast {
	t.Helper()
	b := &ballast{filepath.Join(dir, "ballast"), make(chan struct{}), make(chan struct{})}
	f, err := os.Create(b.path)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(b.done)
		defer func() { _ = f.Close() }()
		for {
			if _, err := f.Write(make([]byte, 4096)); err == nil {
				continue
			}
			select {
			case <-b.stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	return b
}

func (b *ballast) drop(t *testing.T) {
	t.Helper()
	close(b.stop)
	<-b.done
	if err := os.Remove(b.path); err != nil {
		t.Fatal(err)
	}
}

// The disk of the store is full for a while, with nothing left of the reserve either, while a camera sees one event
// after the other. It is reported, no camera loses a picture or is opened again for it, and every message of every
// event is in the store afterwards.
func TestDiskFullWhileWatching(t *testing.T) {
	server := rtsptest.Start(t, rtsptest.Options{Launch: flashingCamera(t)})
	quiet := rtsptest.Start(t, rtsptest.Options{})
	dir := disktest.Small(t, 48<<20)
	file := filepath.Join(t.TempDir(), "vigil.yaml")
	text := fmt.Sprintf(`
data_dir: %s
model: %s
nats: {embedded: {port: 0}}
outbox: {size: 8, reserve: 4}
evidence: {size: 16, before: 1s, after: 0s}
defaults: {open_timeout: 60s, read_timeout: 60s}
cameras:
  - name: flashes
    source: %s
    threshold: {lo: 0.1, theta: 0.3}
    detector: {open_after: 100ms, close_after: 100ms, cool_down: 0s}
  - name: quiet
    source: %s
`, filepath.Join(dir, "data"), cameratest.ZeroWeights(t), server.URL(), quiet.URL())
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr alerttest.Log
	cmd := exec.CommandContext(t.Context(), os.Args[0], "vigil", "run", "-c", file, "--summary", "200ms")
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	waitFor := func(what string, f func(string) bool) {
		t.Helper()
		for began := time.Now(); !f(stderr.String()); {
			select {
			case err := <-ended:
				t.Fatalf("waiting for %s: the program has ended: %v\n%s", what, err, stderr.String())
			case <-time.After(20 * time.Millisecond):
			}
			if time.Since(began) > alerttest.LongWait {
				t.Fatalf("waited in vain for %s:\n%s", what, stderr.String())
			}
		}
	}
	waitFor("events", func(s string) bool { return counter(s, "flashes", "events") >= 2 })
	b := fillDisk(t, dir)
	filled := time.Now()
	waitFor("the alarm", func(s string) bool {
		return strings.Contains(s, "ALARM") &&
			strings.Contains(s, "store.disk_full")
	})
	t.Logf("reported %v after the disk was full", time.Since(filled).Round(10*time.Millisecond))
	// It lasts for some pictures more.
	seen := counter(stderr.String(), "quiet", "frames")
	waitFor("pictures while the disk is full", func(s string) bool { return counter(s, "quiet", "frames") >= seen+50 })
	b.drop(t)
	dropped := time.Now()
	// It may have been over before, for a moment.
	waitFor("the end of it", func(s string) bool {
		return strings.LastIndex(s, "alerts can be stored again") > strings.LastIndex(s, "ALARM")
	})
	t.Logf("over %v after there was room", time.Since(dropped).Round(10*time.Millisecond))
	events := counter(stderr.String(), "flashes", "events")
	waitFor("events as before", func(s string) bool { return counter(s, "flashes", "events") >= events+2 })

	log := stderr.String()
	for _, camera := range []string{"flashes", "quiet"} {
		missing, failures, skipped := counter(log, camera, "missing"), counter(log, camera, "failures"),
			counter(log, camera, "clips_skipped")
		t.Logf("%s: %d frames, %d missing, %d clips skipped", camera, counter(log, camera, "frames"), missing, skipped)
		if missing != 0 || failures != 0 || strings.Count(log, `msg="source open"`) != 2 {
			t.Errorf("%s: %d frames are missing, %d failures:\n%s", camera, missing, failures, log)
		}
	}
	send(t, cmd.Process, syscall.SIGTERM)
	if err := <-ended; err != nil {
		t.Errorf("%v:\n%s", err, stderr.String())
	}
	done := regexp.MustCompile(`msg="camera done" camera=flashes .* events=(\d+)`).FindStringSubmatch(stderr.String())
	if done == nil {
		t.Fatalf("the camera was not done:\n%s", stderr.String())
	}
	if n := wholeEvents(t, filepath.Join(dir, "data", "nats")); strconv.Itoa(n) != done[1] {
		t.Errorf("the store has %d events, the camera had %s", n, done[1])
	}
}

// counter is a camera's counter in the latest summary of the log.
func counter(log, camera, name string) int {
	n := 0
	for _, m := range regexp.MustCompile(`msg="camera counters" camera=`+camera+` .*?\b`+name+
		`=(\d+)`).FindAllStringSubmatch(log, -1) {
		n, _ = strconv.Atoi(m[1])
	}
	return n
}

// wholeEvents counts the events in a store; of each every message must be there, from its start to its end.
func wholeEvents(t *testing.T, dir string) int {
	t.Helper()
	server, err := broker.Start(t.Context(), broker.Options{Dir: dir, NoListen: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Shutdown(); err != nil {
			t.Error(err)
		}
	}()
	conn, err := broker.Dial(t.Context(), broker.DialOptions{Server: server})
	if err != nil {
		t.Fatal(err)
	}
	next, ended := map[string]int{}, map[string]bool{}
	err = archive.New(conn).Follow(t.Context(), archive.FollowOptions{All: true, Once: true},
		func(m archive.Message) error {
			a := m.Alert
			if a.Seq != next[a.ID] || ended[a.ID] || (a.Phase == alerts.PhaseStart) != (a.Seq == 0) {
				t.Errorf("alert %s: message %d, a %s, came where %d was due", a.ID, a.Seq, a.Phase, next[a.ID])
			}
			next[a.ID] = a.Seq + 1
			ended[a.ID] = a.Phase == alerts.PhaseEnd
			return nil
		})
	if err := errors.Join(err, conn.Close()); err != nil {
		t.Fatal(err)
	}
	for id := range next {
		if !ended[id] {
			t.Errorf("alert %s has no end", id)
		}
	}
	return len(next)
}
