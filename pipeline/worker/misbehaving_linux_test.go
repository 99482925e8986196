//go:build cgo && gocv_videoio

package worker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"vigil/capture"
	"vigil/capture/source"
	"vigil/video"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == Argument {
		os.Exit(Main())
	}
	if len(os.Args) == 2 && os.Args[1] == "devour" {
		devour()
	}
	if len(os.Args) == 3 && os.Args[1] == "parent" {
		parent(os.Args[2])
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const lieSide = 4

func cat(messages ...[]byte) []byte { return bytes.Join(messages, nil) }

func frame(seq uint64, change func(*picture)) []byte {
	p := picture{
		seq: seq, pts: time.Duration(seq) * 40 * time.Millisecond, arrival: ticks(), width: 8, height: 8,
		gray: make([]byte, lieSide*lieSide),
	}
	if change != nil {
		change(&p)
	}
	return encode(nil, kindPicture, p.append)
}

func preview(seq uint64, jpeg []byte) []byte {
	return encode(nil, kindPreview, func(b []byte) []byte { return appendPreview(b, seq, 0, 0, jpeg) })
}

var (
	hello     = encode(nil, kindHello, nil)
	opened    = cat(hello, encode(nil, kindOpened, appendJSON(video.Info{Width: 8, Height: 8, FPS: 25})))
	garbage   = []byte(strings.Repeat("what? ", 1000))
	smallJPEG = []byte{0xff, 0xd8, 1, 0xff, 0xd9}
	another   = func() []byte { // correct except for its version
		b := bytes.Clone(hello)
		b[4]++
		binary.LittleEndian.PutUint32(b[8:], crc32.Checksum(b[:8], castagnoli))
		return b
	}()
)

// Shell commands that a misbehaving worker runs after its messages.
const (
	waits   = "exec 3>&1; exec cat >/dev/null" // until its stdin ends, as a correct worker does
	hangs   = "exec sleep 3600"
	ends    = "exit 0"
	stops   = "kill -STOP $$; sleep 3600"
	dies    = "head -c 1 >/dev/null; kill -KILL $$"
	crashes = "echo panic: at viewer:geheim@host >&2; exit 2"
)

// lies are misbehaving workers. Each must lead to an error of the camera in time, and the worker must be gone
// afterwards.
var lies = []struct {
	name   string
	tell   []byte
	then   string
	want   error
	frames int // before the error
}{
	{"says nothing", nil, waits, ErrStalled, 0},
	{"says hello only", hello, waits, ErrStalled, 0},
	{"ends at once", nil, ends, ErrDied, 0},
	{"ends after hello", hello, ends, ErrDied, 0},
	{"ends when it is open", opened, ends, ErrDied, 0},
	{"is killed", cat(opened, frame(0, nil)), dies, ErrDied, 1},
	{"crashes", opened, crashes, ErrDied, 0},
	{"garbage", garbage, waits, ErrProtocol, 0},
	{"garbage later", cat(opened, frame(0, nil), garbage), waits, ErrProtocol, 1},
	{"another version", another, waits, ErrProtocol, 0},
	{"half a message", cat(opened, frame(0, nil)[:30]), waits, ErrStalled, 0},
	{"opens twice", cat(opened, opened), waits, ErrProtocol, 0},
	{"a picture before it is open", cat(hello, frame(0, nil)), waits, ErrProtocol, 0},
	{"no size", cat(hello, encode(nil, kindOpened, appendJSON(video.Info{}))), waits, ErrProtocol, 0},
	{"a frame twice", cat(opened, frame(0, nil), frame(0, nil)), waits, ErrProtocol, 1},
	{"a number from the stars", cat(opened, frame(1<<63, nil)), waits, ErrProtocol, 0},
	{"a time from the stars", cat(opened, frame(0, func(p *picture) { p.pts = 1 << 62 })), waits, ErrProtocol, 0},
	{"a huge frame", cat(opened, frame(0, func(p *picture) { p.width = 1 << 31 })), waits, ErrProtocol, 0},
	{"another side", cat(opened, frame(0, func(p *picture) { p.gray = make([]byte, 9) })), waits, ErrProtocol, 0},
	{
		"an arrival to come", cat(opened, frame(0, func(p *picture) { p.arrival += 1 << 60 }), frame(1, nil)), waits,
		ErrStalled, 2,
	},
	{
		"an arrival long ago", cat(opened, frame(0, func(p *picture) { p.arrival = -1 << 63 }), frame(1, nil)), waits,
		ErrStalled, 2,
	},
	{
		"a preview of a dropped picture", cat(opened, frame(0, nil), preview(1, smallJPEG), frame(2, nil)), waits,
		ErrStalled, 2,
	},
	{"a preview that is none", cat(opened, frame(0, nil), preview(0, []byte("GIF89a"))), waits, ErrProtocol, 1},
	{
		"an answer to nothing",
		cat(opened, encode(nil, kindStill, func(b []byte) []byte { return appendStill(b, 5, 0, smallJPEG) })), waits,
		ErrProtocol, 0,
	},
	{
		"a secret",
		cat(hello, encode(nil, kindEnd,
			appendJSON(end{Kind: "refused", Text: "user viewer, password geheim\n\x1b[31m"}))), waits,
		capture.ErrRefused, 0,
	},
	{"will not go", cat(opened, frame(0, nil)), hangs, ErrStalled, 1},
	{"stops", opened, stops, ErrStalled, 0},
}

func someAddress(t *testing.T) source.Address {
	t.Helper()
	addr, err := source.ParseAddress("rtsp://viewer:geheim@host/stream")
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

func TestLies(t *testing.T) {
	addr := someAddress(t)
	// They mostly wait, so several run at a time.
	room := make(chan struct{}, 8)
	var all sync.WaitGroup
	for _, lie := range lies {
		path := filepath.Join(t.TempDir(), "lie")
		if err := os.WriteFile(path, lie.tell, 0o600); err != nil {
			t.Fatal(err)
		}
		o := Options{
			Address: addr, OpenTimeout: patience, ReadTimeout: patience, Side: lieSide,
			Command: []string{"/bin/sh", "-c", "cat \"$0\"; " + lie.then, path},
		}
		// Only those that must time out have a short timeout.
		if errors.Is(lie.want, ErrStalled) {
			o.ReadTimeout = time.Second
			if len(lie.tell) <= len(hello) {
				o.OpenTimeout = time.Second
			}
		}
		all.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			hearLie(t, lie.name, o, lie.want, lie.frames)
		})
	}
	all.Wait()
}

// TestPreviewsWithoutEnd checks that a worker that sends only previews and no picture times out.
func TestPreviewsWithoutEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "previews")
	if err := os.WriteFile(path, bytes.Repeat(preview(0, smallJPEG), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	first := filepath.Join(t.TempDir(), "first")
	if err := os.WriteFile(first, cat(opened, frame(0, nil)), 0o600); err != nil {
		t.Fatal(err)
	}
	hearLie(t, "previews", Options{
		Address: someAddress(t), OpenTimeout: patience, ReadTimeout: time.Second, Side: lieSide,
		Command: []string{"/bin/sh", "-c", "cat \"$0\"; while cat \"$1\"; do :; done", first, path},
	}, ErrStalled, 1)
}

func TestTooMuchMemory(t *testing.T) {
	hearLie(t, "memory", Options{
		Address: someAddress(t), OpenTimeout: patience, ReadTimeout: patience, Side: lieSide, Memory: 200 << 20,
		Command: []string{os.Args[0], "devour"},
	}, ErrMemory, 0)
}

// devour runs as a worker that allocates more and more memory.
func devour() {
	_, _ = os.Stdout.Write(opened)
	var all [][]byte
	for range 20 {
		b := make([]byte, 20<<20)
		for i := 0; i < len(b); i += os.Getpagesize() {
			b[i] = 1
		}
		all = append(all, b)
	}
	time.Sleep(time.Hour)
	runtime.KeepAlive(all)
}

// hearLie reads a misbehaving worker until its error.
func hearLie(t *testing.T, name string, o Options, want error, wantFrames int) {
	p, err := Start(t.Context(), o)
	frames := 0
	var last time.Time
	for err == nil {
		var pic video.Picture
		if pic, err = p.Next(t.Context()); err != nil {
			break
		}
		if pic.Arrival.Before(last) || pic.Arrival.After(time.Now()) {
			t.Errorf("%s: frame %d arrived at %v", name, pic.Seq, pic.Arrival)
		}
		last = pic.Arrival
		frames++
	}
	if !errors.Is(err, want) || frames != wantFrames {
		t.Errorf("%s: after %d frames (want %d) %v, want %v", name, frames, wantFrames, err, want)
	}
	if s := err.Error(); strings.Contains(s, "geheim") || strings.ContainsAny(s, "\n\x1b") {
		t.Errorf("%s: the error shows what it should not: %q", name, s)
	}
	if p == nil {
		return
	}
	if err := p.Close(); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	if err := syscall.Kill(p.PID(), 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("%s: the child is still there: %v", name, err)
	}
}
