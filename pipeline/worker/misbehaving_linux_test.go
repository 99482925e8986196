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
	"vigil/internal/cameratest"
	"vigil/video"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == Argument {
		os.Exit(Main())
	}
	if len(os.Args) == 2 && os.Args[1] == "devour" {
		allocateMuch()
	}
	if len(os.Args) == 3 && os.Args[1] == "parent" {
		runParent(os.Args[2])
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const testSide = 4

func join(messages ...[]byte) []byte { return bytes.Join(messages, nil) }

func frame(seq uint64, change func(*picture)) []byte {
	p := picture{
		seq: seq, pts: time.Duration(seq) * 40 * time.Millisecond, arrival: monotonicNanos(), width: 8, height: 8,
		gray: make([]byte, testSide*testSide),
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
	opened    = join(hello, encode(nil, kindOpened, appendJSON(video.Info{Width: 8, Height: 8, FPS: 25})))
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

// misbehaviours are misbehaving workers. Each must lead to an error of the camera in time, and the worker must be gone
// afterwards.
var misbehaviours = []struct {
	name   string
	send   []byte
	then   string
	want   error
	frames int // before the error
}{
	{"sends nothing", nil, waits, ErrStalled, 0},
	{"sends hello only", hello, waits, ErrStalled, 0},
	{"ends at once", nil, ends, ErrDied, 0},
	{"ends after hello", hello, ends, ErrDied, 0},
	{"ends when it is open", opened, ends, ErrDied, 0},
	{"is killed", join(opened, frame(0, nil)), dies, ErrDied, 1},
	{"crashes", opened, crashes, ErrDied, 0},
	{"garbage", garbage, waits, ErrProtocol, 0},
	{"garbage later", join(opened, frame(0, nil), garbage), waits, ErrProtocol, 1},
	{"another version", another, waits, ErrProtocol, 0},
	{"half a message", join(opened, frame(0, nil)[:30]), waits, ErrStalled, 0},
	{"opens twice", join(opened, opened), waits, ErrProtocol, 0},
	{"a picture before it is open", join(hello, frame(0, nil)), waits, ErrProtocol, 0},
	{"no size", join(hello, encode(nil, kindOpened, appendJSON(video.Info{}))), waits, ErrProtocol, 0},
	{"a frame twice", join(opened, frame(0, nil), frame(0, nil)), waits, ErrProtocol, 1},
	{"an absurd number", join(opened, frame(1<<63, nil)), waits, ErrProtocol, 0},
	{"an absurd time", join(opened, frame(0, func(p *picture) { p.pts = 1 << 62 })), waits, ErrProtocol, 0},
	{"a huge frame", join(opened, frame(0, func(p *picture) { p.width = 1 << 31 })), waits, ErrProtocol, 0},
	{
		"decode errors that become fewer",
		join(opened, frame(0, func(p *picture) { p.errors.Frames = 3 }),
			frame(4, func(p *picture) { p.errors.Frames = 2 })),
		waits, ErrProtocol, 1,
	},
	{
		"absurd decode errors", join(opened, frame(0, func(p *picture) { p.errors.Packets = 1 << 63 })), waits,
		ErrProtocol, 0,
	},
	{
		"absurd decode errors at the end", join(opened, encode(nil, kindEnd, appendJSON(end{DamagedFrames: 1 << 63}))),
		waits, ErrProtocol, 0,
	},
	{"another side", join(opened, frame(0, func(p *picture) { p.gray = make([]byte, 9) })), waits, ErrProtocol, 0},
	{
		"an arrival in the future", join(opened, frame(0, func(p *picture) { p.arrival += 1 << 60 }), frame(1, nil)),
		waits,
		ErrStalled, 2,
	},
	{
		"an arrival long ago", join(opened, frame(0, func(p *picture) { p.arrival = -1 << 63 }), frame(1, nil)), waits,
		ErrStalled, 2,
	},
	{
		"a preview of a dropped picture", join(opened, frame(0, nil), preview(1, smallJPEG), frame(2, nil)), waits,
		ErrStalled, 2,
	},
	{"a preview that is not a JPEG", join(opened, frame(0, nil), preview(0, []byte("GIF89a"))), waits, ErrProtocol, 1},
	{
		"a response without a request",
		join(opened, encode(nil, kindStill, func(b []byte) []byte { return appendStill(b, 5, 0, smallJPEG) })), waits,
		ErrProtocol, 0,
	},
	{
		"a secret",
		join(hello, encode(nil, kindEnd,
			appendJSON(end{Kind: "refused", Text: "user viewer, password geheim\n\x1b[31m"}))), waits,
		capture.ErrRefused, 0,
	},
	{"does not exit", join(opened, frame(0, nil)), hangs, ErrStalled, 1},
	{"stops", opened, stops, ErrStalled, 0},
}

func someAddress(t *testing.T) source.Address {
	t.Helper()
	return cameratest.Address(t, "rtsp://viewer:geheim@host/stream")
}

func TestMisbehavingWorkers(t *testing.T) {
	addr := someAddress(t)
	// They mostly wait, so several run at a time.
	slots := make(chan struct{}, 8)
	var all sync.WaitGroup
	for _, m := range misbehaviours {
		path := filepath.Join(t.TempDir(), "messages")
		if err := os.WriteFile(path, m.send, 0o600); err != nil {
			t.Fatal(err)
		}
		o := Options{
			Address: addr, OpenTimeout: waitTimeout, ReadTimeout: waitTimeout, Side: testSide,
			Command: []string{"/bin/sh", "-c", "cat \"$0\"; " + m.then, path},
		}
		// Only those that must time out have a short timeout.
		if errors.Is(m.want, ErrStalled) {
			o.ReadTimeout = time.Second
			if len(m.send) <= len(hello) {
				o.OpenTimeout = time.Second
			}
		}
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			readUntilError(t, m.name, o, m.want, m.frames)
		})
	}
	all.Wait()
}

// TestPreviewsOnlyTimeOut checks that a worker that sends only previews and no picture times out.
func TestPreviewsOnlyTimeOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "previews")
	if err := os.WriteFile(path, bytes.Repeat(preview(0, smallJPEG), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	first := filepath.Join(t.TempDir(), "first")
	if err := os.WriteFile(first, join(opened, frame(0, nil)), 0o600); err != nil {
		t.Fatal(err)
	}
	readUntilError(t, "previews", Options{
		Address: someAddress(t), OpenTimeout: waitTimeout, ReadTimeout: time.Second, Side: testSide,
		Command: []string{"/bin/sh", "-c", "cat \"$0\"; while cat \"$1\"; do :; done", first, path},
	}, ErrStalled, 1)
}

func TestTooMuchMemory(t *testing.T) {
	readUntilError(t, "memory", Options{
		Address: someAddress(t), OpenTimeout: waitTimeout, ReadTimeout: waitTimeout, Side: testSide, Memory: 200 << 20,
		Command: []string{os.Args[0], "devour"},
	}, ErrMemory, 0)
}

// allocateMuch runs as a worker that allocates more and more memory.
func allocateMuch() {
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

// readUntilError reads a misbehaving worker until its error.
func readUntilError(t *testing.T, name string, o Options, want error, wantFrames int) {
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
		t.Errorf("%s: the worker is still there: %v", name, err)
	}
}
