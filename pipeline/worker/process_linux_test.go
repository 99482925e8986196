//go:build cgo && gocv_videoio

package worker

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"vigil/capture/source"
	"vigil/internal/cameratest"
	"vigil/internal/rtsptest"
	"vigil/video"
)

// waitTimeout is a timeout for what takes moments; only a failure uses it up.
const waitTimeout = time.Minute

// runParent starts a worker that reads the address, prints its process id, and reads on until it is killed. If address
// is a path, the worker sends that file and ignores the end of its stdin.
func runParent(address string) {
	o := Options{OpenTimeout: 30 * time.Second, ReadTimeout: waitTimeout, Side: 64}
	if filepath.IsAbs(address) {
		o.Command = []string{"/bin/sh", "-c", "cat \"$0\"; " + hangs, address}
	}
	var err error
	o.Address, err = source.ParseAddress(address)
	if err == nil {
		var p *Process
		p, err = Start(context.Background(), o)
		if err == nil {
			fmt.Println(p.PID())
			for err == nil {
				_, err = p.Next(context.Background())
			}
		}
	}
	fmt.Fprintln(os.Stderr, err)
}

func startLive(t *testing.T, o rtsptest.Options) (*Process, *rtsptest.Server, *[]video.Preview) {
	t.Helper()
	server := rtsptest.Start(t, o)
	addr := cameratest.Address(t, server.URL())
	var previews []video.Preview
	p, err := Start(t.Context(), Options{
		Address: addr, OpenTimeout: 30 * time.Second, ReadTimeout: 10 * time.Second, Side: 64, FirstSeq: 1000,
		Generation: 3,
		Keep:       time.Minute, KeepBytes: 8 << 20,
		OnPreview: func(p video.Preview) { previews = append(previews, p) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p, server, &previews
}

func TestProcess(t *testing.T) {
	p, _, previews := startLive(t, rtsptest.Options{User: "viewer", Password: "ge heim/@:%"})
	if i := p.Info(); i.Width != 320 || i.Height != 240 || i.FPS != 25 || !i.Live {
		t.Errorf("info %+v", i)
	}
	var last video.Frame
	for i := range uint64(60) {
		pic, err := p.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if pic.Seq != 1000+i || pic.Generation != 3 || pic.Width != 320 || pic.Height != 240 || pic.Side != 64 ||
			len(pic.Gray) != 64*64 ||
			pic.Arrival.Before(last.Arrival) || pic.Arrival.After(time.Now()) || time.Since(pic.Arrival) > waitTimeout {
			t.Fatalf("picture %d: %+v", i, pic)
		}
		last.Arrival = pic.Arrival
	}
	// 60 frames at 25 a second with a preview every fifth of a second.
	if n := len(*previews); n < 8 || n > 13 {
		t.Errorf("%d previews", n)
	}
	if v := (*previews)[0]; v.Seq != 1000 || http(v.JPEG) != "image/jpeg" {
		t.Errorf("the first preview is of frame %d, %s", v.Seq, http(v.JPEG))
	}
	checkProcess(t, p.PID())
	checkStill(t, p)
}

func http(b []byte) string {
	if bytes.HasPrefix(b, []byte{0xff, 0xd8, 0xff}) {
		return "image/jpeg"
	}
	return fmt.Sprintf("% x", b[:min(4, len(b))])
}

// checkStill requests a picture while the next ones are read, and one that has left the buffer.
func checkStill(t *testing.T, p *Process) {
	t.Helper()
	type answer struct {
		jpeg []byte
		of   uint64
		err  error
	}
	for _, c := range []struct {
		seq  uint64
		want error
	}{{1020, nil}, {1 << 60, errNoStill}} {
		answers := make(chan answer, 1)
		ctx, cancel := context.WithTimeout(t.Context(), waitTimeout)
		go func() {
			jpeg, of, err := p.Still(ctx, c.seq)
			answers <- answer{jpeg, of, err}
		}()
		var a answer
		for waiting := true; waiting; {
			select {
			case a = <-answers:
				waiting = false
			default:
				if _, err := p.Next(ctx); err != nil {
					t.Fatal(err)
				}
			}
		}
		cancel()
		if !errors.Is(a.err, c.want) || c.want == nil && http(a.jpeg) != "image/jpeg" {
			t.Errorf("frame %d: %s, %v; want %v", c.seq, http(a.jpeg), a.err, c.want)
		}
		if c.want == nil && (a.of < c.seq-13 || a.of > c.seq+13) { // one every half a second, 25 a second
			t.Errorf("the picture nearest to frame %d is of frame %d", c.seq, a.of)
		}
	}
}

func status(t *testing.T, pid int, key string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		if v, ok := bytes.CutPrefix(line, []byte(key+":")); ok {
			return bytes.TrimSpace(v)
		}
	}
	return nil
}

// checkProcess checks the worker's process as the system shows it.
func checkProcess(t *testing.T, pid int) {
	t.Helper()
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	if got := status(t, pid, "NoNewPrivs"); string(got) != "1" {
		t.Errorf("NoNewPrivs is %s", got)
	}
	own, err := os.ReadFile("/proc/self/status")
	if err != nil || !bytes.Contains(own, []byte("NoNewPrivs:\t0")) {
		t.Errorf("this process has lost its privileges too: %v", err)
	}
	environ, err := os.ReadFile(filepath.Join(dir, "environ"))
	if err != nil || len(environ) != 0 {
		t.Errorf("its environment was %q, %v", environ, err)
	}
	cmdline, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	if err != nil || string(cmdline) != "vigil\x00"+Argument+"\x00" {
		t.Errorf("its command line is %q, %v", cmdline, err)
	}
	if score, err := os.ReadFile(filepath.Join(dir, "oom_score_adj")); err != nil ||
		string(bytes.TrimSpace(score)) != "800" {
		t.Errorf("oom_score_adj is %q, %v", score, err)
	}
	limits, err := os.ReadFile(filepath.Join(dir, "limits"))
	if err != nil || !regexp.MustCompile(`(?m)^Max core file size +0 +0 `).Match(limits) {
		t.Errorf("it may write a core file, with the password in it: %v\n%s", err, limits)
	}
	want := min(niceness(t, "/proc/thread-self/stat")+workerNice, 19)
	threads, err := filepath.Glob(filepath.Join(dir, "task", "*", "stat"))
	if err != nil || len(threads) == 0 {
		t.Errorf("its threads: %v, %v", threads, err)
	}
	for _, thread := range threads {
		if n := niceness(t, thread); n != want {
			t.Errorf("%s: its niceness is %d, want %d", thread, n, want)
		}
	}
	fds, err := os.ReadDir(filepath.Join(dir, "fd"))
	if err != nil || len(fds) > 16 {
		t.Errorf("it has %d files open, %v", len(fds), err)
	}
	t.Logf("threads %s, resident %d MiB, files %d", status(t, pid, "Threads"), resident(pid)>>20, len(fds))
}

// niceness is a thread's nice value, from /proc.
func niceness(t *testing.T, stat string) int {
	t.Helper()
	text, err := os.ReadFile(stat)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	n, err := strconv.Atoi(strings.Fields(rest)[16])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestWorkerDoesNotOutliveParent checks that a worker does not outlive its parent, however that dies, even if the
// worker is stopped or hangs.
func TestWorkerDoesNotOutliveParent(t *testing.T) {
	server := rtsptest.Start(t, rtsptest.Options{})
	deaf := filepath.Join(t.TempDir(), "opened")
	if err := os.WriteFile(deaf, opened, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, address string
		stopped       bool
	}{{"reading", server.URL(), false}, {"stopped", server.URL(), true}, {"ignores its stdin", deaf, false}} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "parent", tt.address)
			cmd.Stderr = t.Output()
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(out).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			pid, err := strconv.Atoi(strings.TrimSpace(line))
			if err != nil {
				t.Fatal(err)
			}
			if tt.stopped {
				if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
					t.Fatal(err)
				}
			}
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			_ = cmd.Wait() // killed, so it has an exit status
			for !cameratest.Exited(pid) {
				if time.Since(began) > waitTimeout {
					t.Fatal("the worker is still there")
				}
				time.Sleep(10 * time.Millisecond)
			}
			t.Logf("gone %v after its parent", time.Since(began).Round(time.Millisecond))
		})
	}
}

// TestWorkerExitsWithStdin checks that the end of stdin ends the worker if the system does not kill orphans, also
// while it opens a silent camera.
func TestWorkerExitsWithStdin(t *testing.T) {
	server := rtsptest.Start(t, rtsptest.Options{})
	for _, address := range []string{server.URL(), "rtsp://" + cameratest.Silent(t) + "/x"} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], Argument)
		cmd.Env = []string{}
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.Copy(io.Discard, out) }()
		if _, err := in.Write(encode(nil, kindStart, appendJSON(start{
			Address: []byte(address), OpenTimeout: waitTimeout, ReadTimeout: waitTimeout, Side: 64,
		}))); err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Millisecond) // it must exit from any state
		began := time.Now()
		if err := in.Close(); err != nil {
			t.Fatal(err)
		}
		err = cmd.Wait()
		if took := time.Since(began); err != nil || took > waitTimeout/2 {
			t.Errorf("%s: %v after %v", address, err, took)
		}
	}
}
