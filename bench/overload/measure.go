//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

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
