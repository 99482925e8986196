//go:build linux

// Command overload measures vigil with more cameras than the machine can handle: it watches n real RTSP cameras with a
// vigil binary and prints how many clips per second were scored of the capacity that "run" reported, how evenly they
// were distributed among the cameras, and the resources used.
//
//	go run ./bench/overload -vigil bin/vigil -video street.h264 -model weights/ped2-small.safetensors -cameras 32,64,128
//
// The video is H.264 in Annex B format, one slice per picture, without B-frames; by default, FFmpeg draws its test
// picture. A separate process sends it, whose processor time is measured. The number of cameras may be a multiple of
// the reported capacity, such as 2x. With -check, it is an error if a process was lost, a camera got less than three
// quarters or more than five quarters of the mean, there was no event, or the log does not report overload exactly
// once.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"math"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"vigil/internal/rtsptest/sender"
)

var (
	vigil     = flag.String("vigil", "bin/vigil", "the binary")
	video     = flag.String("video", "", "an H.264 video in Annex B format")
	weights   = flag.String("model", "weights/ped2-small.safetensors", "weights to score the clips with")
	threshold = flag.String("threshold", "{lo: 0.007089, theta: 0.07733}",
		"threshold of events, as in the configuration")
	fps          = flag.Float64("fps", 10, "frame rate of the video")
	hop          = flag.Int("hop", 2, "hop of the clips")
	cameraCounts = flag.String("cameras", "32,64,128",
		"numbers of cameras to run with, or 2x for twice the capacity")
	check       = flag.Bool("check", false, "fail if cameras are not treated as expected")
	settle      = flag.Duration("settle", time.Minute, "time for the cameras to start before the measurement")
	duration    = flag.Duration("for", time.Minute, "duration of the measurement")
	port        = flag.Int("port", 14222, "port of vigil's NATS server; the cameras use the next one")
	extraConfig = flag.String("config", "", "a file with additional configuration")
	logDir      = flag.String("log", "", "a folder for the logs")
)

const summaryInterval = 5 * time.Second

func main() {
	log.SetFlags(0)
	if len(os.Args) == 4 && os.Args[1] == "send" {
		if err := send(os.Args[2], os.Args[3]); err != nil {
			log.Fatal(err)
		}
		return
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	fmt.Println(
		"| cameras | clips/s that fit | scored/s | of these | and without the senders | least and most of the mean | " +
			"failures | events | paused | processor of: scorer, cameras, senders, idle | memory: own, all |\n" +
			"|---|---|---|---|---|---|---|---|---|---|---|")
	err := run(ctx)
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) (err error) {
	if *video == "" {
		dir, err := os.MkdirTemp("", "vigil-overload-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }() // a temporary folder of this program
		*video = filepath.Join(dir, "video.h264")
		source := fmt.Sprintf("testsrc2=size=360x240:rate=%g:duration=60", *fps)
		draw := exec.CommandContext(ctx, "ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p",
			"-c:v", "libx264", "-crf", "23", "-bf", "0",
			"-g", strconv.Itoa(int(2**fps)), "-x264-params", "slices=1:sliced-threads=0", *video)
		if out, err := draw.CombinedOutput(); err != nil {
			return fmt.Errorf("ffmpeg: %w: %s", err, out)
		}
	}
	var wrong []error
	for text := range strings.SplitSeq(*cameraCounts, ",") {
		n, err := parseCameraCount(ctx, text)
		if err != nil {
			return err
		}
		line, w, err := measure(ctx, n, *settle, *duration)
		if err != nil {
			return err
		}
		fmt.Println(line)
		wrong = append(wrong, w.problems()...)
	}
	if *check {
		return errors.Join(wrong...)
	}
	return nil
}

// parseCameraCount parses a number of cameras, or a multiple of the capacity.
func parseCameraCount(ctx context.Context, text string) (int, error) {
	times, ok := strings.CutSuffix(text, "x")
	n, err := strconv.Atoi(times)
	if err != nil || !ok {
		return n, err
	}
	_, w, err := measure(ctx, 1, 10*time.Second, time.Second)
	if err != nil {
		return 0, err
	}
	return n * max(1, w.capacity), nil
}

// send runs the process that simulates the cameras.
func send(file, address string) error {
	annexB, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	v, err := sender.Parse(annexB, *fps)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends with the parent
		stop()
	}()
	s := &sender.Server{Video: v}
	err = s.Serve(ctx, l)
	fmt.Printf("sent %d dropped %d\n", s.Sent.Load(), s.Dropped.Load())
	return err
}

// runLog collects figures from the program's log.
type runLog struct {
	mu            sync.Mutex
	seconds       float64 // a clip
	capacity      int
	latest        map[string]counters
	events        int
	reasons       map[string]int
	other         []string
	overloadLines int // lines that report overload

	// During the measurement.
	cameras                  int
	least, most              float64 // relative to the mean
	failures, eventsMeasured int
}

// problems lists the deviations from the expected behaviour.
func (w *runLog) problems() (wrong []error) {
	add := func(bad bool, format string, args ...any) {
		if bad {
			wrong = append(wrong, fmt.Errorf("%d cameras: "+format, append([]any{w.cameras}, args...)...))
		}
	}
	add(w.failures > 0, "%d failures of cameras: %v", w.failures, w.reasons)
	add(w.least < 0.75 || w.most > 1.25, "the clips of a camera were from %.2f to %.2f of the mean", w.least, w.most)
	add(w.eventsMeasured == 0 && w.events == 0, "there was no event")
	add(w.overloadLines != 1, "the log reports overload %d times", w.overloadLines)
	return wrong
}

type counters struct {
	Scored, Skipped, Failures, Missing, Lost, Gaps, Frames float64
	State                                                  string
}

func (w *runLog) read(r io.Reader, to io.Writer) {
	for lines := bufio.NewScanner(io.TeeReader(r, to)); lines.Scan(); {
		var m map[string]any
		if json.Unmarshal(lines.Bytes(), &m) != nil {
			continue
		}
		num := func(key string) float64 { f, _ := m[key].(float64); return f }
		str := func(key string) string { s, _ := m[key].(string); return s }
		w.mu.Lock()
		switch m["msg"] {
		case "capacity":
			w.seconds, w.capacity = num("seconds_a_clip"), int(num("such_cameras_fit"))
		case "camera counters":
			w.latest[str("camera")] = counters{
				num("scored"), num("clips_skipped"), num("failures"), num("missing"), num("lost"), num("gaps"),
				num("frames"), str("state"),
			}
		case "alert":
			if m["phase"] == "start" {
				w.events++
			}
		case "camera failed, opening it again":
			w.reasons[str("error")]++
		default:
			if text := str("msg"); strings.HasPrefix(text, "overload:") {
				w.overloadLines++
			}
			if m["camera"] == nil && m["level"] != "INFO" {
				w.other = append(w.other, lines.Text())
			}
		}
		w.mu.Unlock()
	}
}

func (w *runLog) snapshot() map[string]counters {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := map[string]counters{}
	maps.Copy(c, w.latest)
	return c
}

func measure(ctx context.Context, n int, settle, length time.Duration) (string, *runLog, error) {
	dir, err := os.MkdirTemp("", "vigil-overload-")
	if err != nil {
		return "", nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a temporary folder of this program
	address := fmt.Sprintf("127.0.0.1:%d", *port+1)
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	senders := exec.CommandContext(ctx, self, "send", *video, address)
	in, err := senders.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	senders.Stdout, senders.Stderr = os.Stderr, os.Stderr
	if err := senders.Start(); err != nil {
		return "", nil, err
	}
	defer func() {
		_ = in.Close()
		_ = senders.Wait()
	}()
	model, err := filepath.Abs(*weights)
	if err != nil {
		return "", nil, err
	}
	var cfg strings.Builder
	fmt.Fprintf(&cfg,
		"model: %s\ndata_dir: %s/data\nlog: {format: json}\nnats: {embedded: {port: %d}}\ndefaults: {fps: %g, hop: "+
			"%d}\n", model, dir, *port, *fps, *hop)
	if *extraConfig != "" {
		text, err := os.ReadFile(*extraConfig)
		if err != nil {
			return "", nil, err
		}
		cfg.Write(text)
	}
	cfg.WriteString("cameras:\n")
	for i := range n {
		fmt.Fprintf(&cfg, "  - {name: c%03d, source: 'rtsp://%s/live', threshold: %s}\n", i, address, *threshold)
	}
	file := filepath.Join(dir, "vigil.yaml")
	if err := os.WriteFile(file, []byte(cfg.String()), 0o600); err != nil {
		return "", nil, err
	}
	run := exec.CommandContext(ctx, *vigil, "run", "-c", file, "--summary", summaryInterval.String())
	run.Cancel = func() error { return run.Process.Signal(syscall.SIGTERM) }
	stderr, err := run.StderrPipe()
	if err != nil {
		return "", nil, err
	}
	if err := run.Start(); err != nil {
		return "", nil, err
	}
	kept := io.Discard
	if *logDir != "" {
		f, err := os.Create(filepath.Join(*logDir, fmt.Sprintf("%d.log", n)))
		if err != nil {
			return "", nil, err
		}
		defer func() { _ = f.Close() }() // the log is only a copy
		kept = f
	}
	w := &runLog{latest: map[string]counters{}, reasons: map[string]int{}}
	var reading sync.WaitGroup
	reading.Go(func() { w.read(stderr, kept) })
	defer reading.Wait()
	stop := func() {
		_ = run.Process.Signal(syscall.SIGTERM)
		reading.Wait()
		_ = run.Wait()
	}
	if err := pause(ctx, settle); err != nil {
		stop()
		return "", nil, err
	}
	before, cpu0, w0 := w.snapshot(), usage(run.Process.Pid, senders.Process.Pid), w.events
	began := time.Now()
	if err := pause(ctx, length); err != nil {
		stop()
		return "", nil, err
	}
	after, cpu1, w1 := w.snapshot(), usage(run.Process.Pid, senders.Process.Pid), w.events
	seconds := time.Since(began).Seconds()
	stop()
	return w.tableRow(n, before, after, cpu0, cpu1, seconds, w1-w0), w, nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func (w *runLog) tableRow(n int, before, after map[string]counters, cpu0, cpu1 processor, seconds float64,
	events int,
) string {
	var scored []float64
	var failures, sum, missing, gaps, skipped, frames float64
	paused := 0
	for name, a := range after {
		b := before[name]
		scored = append(scored, a.Scored-b.Scored)
		sum += a.Scored - b.Scored
		failures += a.Failures
		missing += a.Missing - b.Missing
		gaps += a.Gaps - b.Gaps
		skipped += a.Skipped - b.Skipped
		frames += a.Frames - b.Frames
		if a.State == "paused_overload" {
			paused++
		}
	}
	mean := sum / float64(n)
	least, most := math.Inf(1), 0.0
	for _, s := range scored {
		least, most = min(least, s), max(most, s)
	}
	if len(scored) < n {
		least = 0
	}
	w.cameras, w.least, w.most, w.failures, w.eventsMeasured = n, least/mean, most/mean, int(failures), events
	fit := 0.8 / w.seconds
	cores := float64(runtime.NumCPU())
	senders := (cpu1.senders - cpu0.senders) / seconds
	rate := sum / seconds
	log.Printf("%d cameras: %.0f frames/s, %.0f skipped, %.0f missing, %.0f gaps; reasons %v; log %s", n,
		frames/seconds, skipped, missing, gaps, w.reasons,
		strings.Join(w.other[:min(len(w.other), 6)], "\n"))
	return fmt.Sprintf(
		"| %d (%d fit) | %.1f | %.1f | %.0f %% | %.0f %% | %.0f %%, %.0f %% | %.0f | %d | %d | %.2f, %.2f, %.2f, "+
			"%.2f | %d, %d MiB |",
		n, w.capacity, fit, rate, 100*rate/fit, 100*rate/(fit*(1-senders/cores)), 100*least/mean,
		100*most/mean, failures,
		events, paused,
		(cpu1.own-cpu0.own)/seconds, (cpu1.children-cpu0.children)/seconds, senders, (cpu1.idle-cpu0.idle)/seconds,
		cpu1.memory>>20, cpu1.all>>20)
}

// processor is the resource usage of processes, in seconds and bytes.
type processor struct {
	own, children, senders, idle float64
	memory, all                  int64
}

func usage(vigil, senders int) (p processor) {
	p.own, p.senders = cpu(vigil), cpu(senders)
	p.memory = pss(vigil)
	p.all = p.memory
	for _, c := range children(vigil) {
		p.children += cpu(c)
		p.all += pss(c)
	}
	text, _ := os.ReadFile("/proc/stat")
	if f := strings.Fields(strings.SplitN(string(text), "\n", 2)[0]); len(f) > 5 {
		idle, _ := strconv.ParseFloat(f[4], 64)
		p.idle = idle / 100
	}
	return p
}

func cpu(pid int) float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(text), ") ")
	f := strings.Fields(rest)
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(f[11], 64)
	system, _ := strconv.ParseFloat(f[12], 64)
	return (user + system) / 100
}

// pss is a process's proportional set size in bytes: shared memory is divided by the number of its users.
func pss(pid int) int64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	for line := range strings.SplitSeq(string(text), "\n") {
		if v, ok := strings.CutPrefix(line, "Pss:"); ok {
			kb, _ := strconv.ParseInt(strings.Fields(v)[0], 10, 64)
			return kb << 10
		}
	}
	return 0
}

func children(pid int) (pids []int) {
	dirs, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, d := range dirs {
		text, _ := os.ReadFile(d)
		for f := range strings.FieldsSeq(string(text)) {
			if n, err := strconv.Atoi(f); err == nil && !slices.Contains(pids, n) {
				pids = append(pids, n)
			}
		}
	}
	return pids
}
