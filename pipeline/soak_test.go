//go:build linux && cgo && gocv_videoio

package pipeline

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"vigil/internal/faultproxy"
	"vigil/internal/rtsptest"
)

// soakTime is how long TestSoak injects faults; VIGIL_SOAK sets another time and VIGIL_SEED another seed.
const soakTime = time.Minute

// usage is the resources of the program and its workers.
type usage struct {
	goroutines, files     int
	resident, workerBytes int64 // bytes
	workers               int   // of workers
	mats                  []int // OpenCV's matrices in this process and in each worker; -1 if not counted
}

func (s *faultRun) usage(t *testing.T) usage {
	t.Helper()
	runtime.GC()
	debug.FreeOSMemory()
	u := usage{
		goroutines: runtime.NumGoroutine(), files: openFiles(t), resident: rss(os.Getpid()), workers: countWorkers(t),
		mats: []int{mats()},
	}
	for _, c := range s.cameras {
		pid := int(c.pid.Load())
		u.workerBytes += rss(pid)
		u.mats = append(u.mats, matsOf(t, pid))
	}
	return u
}

// rss is the resident memory of a process in bytes.
func rss(pid int) int64 {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "statm"))
	fields := bytes.Fields(text)
	if err != nil || len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// TestSoak injects random faults into eight cameras. Afterwards every camera delivers pictures again, and the program
// uses no more resources than before.
func TestSoak(t *testing.T) {
	if !inOwnProcess(t) {
		return
	}
	length, seed := soakSettings(t)
	server := rtsptest.Start(t, rtsptest.Options{})
	const cameras = 8
	var proxies []*faultproxy.Proxy
	var urls []string
	for i := range uint64(cameras) {
		p := faultproxy.Start(t, server.URL(), seed+i)
		proxies = append(proxies, p)
		urls = append(urls, p.URL(server.URL()))
	}
	st := startCameras(t, urls...)
	allDeliver := func() {
		for _, s := range st.cameras {
			s.waitForPictures(t)
		}
	}
	allDeliver()
	before := st.usage(t)
	began := time.Now()
	counts := make([]int, cameras)
	var all sync.WaitGroup
	for i, p := range proxies {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(i))) //nolint:gosec // Faults need not be secret.
			wait := func(least, most time.Duration) {
				time.Sleep(min(least+time.Duration(rng.Int64N(int64(most-least))), max(0, length-time.Since(began))))
			}
			for time.Since(began) < length {
				wait(time.Second, 8*time.Second)
				faults := faultproxy.Faults()
				switch n := rng.IntN(len(faults) + 2); {
				case n < len(faults):
					p.Set(faults[n])
					wait(time.Second, 6*time.Second)
					p.Set(faultproxy.None)
				default:
					// The worker may have exited by now, and then nothing happens.
					_ = syscall.Kill(int(st.cameras[i].pid.Load()),
						[]syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP}[n-len(faults)])
				}
				counts[i]++
			}
		})
	}
	all.Wait()
	allDeliver()
	after := st.usage(t)
	faults := 0
	for _, n := range counts {
		faults += n
	}
	for _, s := range st.end(t) {
		t.Logf("%s: %d frames, %d left out, %d openings, %d failures, %v", s.Camera, s.Frames, s.Missing, s.Openings,
			s.Failures, s.States)
	}
	const mib = 1 << 20
	t.Logf("%d faults; before and after: goroutines %d %d, files %d %d, own memory %d %d MiB, %d %d workers with %d "+
		"%d MiB, Mats %v %v", faults,
		before.goroutines, after.goroutines, before.files, after.files, before.resident/mib, after.resident/mib,
		before.workers, after.workers, before.workerBytes/mib, after.workerBytes/mib, before.mats, after.mats)
	if after.goroutines > before.goroutines+2*cameras || after.files > before.files+2*cameras ||
		after.workers > cameras ||
		after.resident > before.resident+64*mib || after.workerBytes > before.workerBytes*5/4 ||
		!slices.Equal(after.mats, before.mats) {
		t.Errorf("it uses more than before: %+v, before %+v", after, before)
	}
	if n := countWorkers(t); n != 0 {
		t.Errorf("%d workers are left", n)
	}
}
