//go:build linux && cgo && gocv_videoio

package app

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"vigil/internal/rtsptest"
	"vigil/pipeline/worker"
)

// TestMain also is the entry of the worker, which is this same binary.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == worker.Argument {
		os.Exit(worker.Main())
	}
	os.Exit(m.Run())
}

// usage is what this process and its workers use.
type usage struct {
	goroutines, files, workers int
	heap, resident             uint64 // bytes
	workerResident             uint64 // bytes, of all workers
}

func (u usage) String() string {
	const mib = 1 << 20
	return fmt.Sprintf("%d goroutines, %d files, heap %.1f MiB, memory %d MiB, %d workers with %d MiB", u.goroutines,
		u.files, float64(u.heap)/mib, u.resident/mib, u.workers, u.workerResident/mib)
}

func measure(t *testing.T) usage {
	t.Helper()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	u := usage{goroutines: runtime.NumGoroutine(), heap: m.HeapAlloc, resident: resident("self")}
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	u.files = len(files)
	processes, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range processes {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has exited meanwhile
		}
		_, rest, _ := strings.Cut(string(text), ") ") // state, parent
		command, err := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		if fields := strings.Fields(rest); err != nil || len(fields) < 2 ||
			fields[1] != strconv.Itoa(os.Getpid()) || !strings.Contains(string(command), worker.Argument) {
			continue
		}
		u.workers++
		u.workerResident += resident(filepath.Base(filepath.Dir(path)))
	}
	return u
}

// resident is the resident memory of a process in bytes; 0 if it is gone.
func resident(pid string) uint64 {
	text, err := os.ReadFile(filepath.Join("/proc", pid, "statm"))
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseUint(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * uint64(os.Getpagesize())
}

// TestManyReloads takes up two configurations in turn; VIGIL_LONG does so a thousand times. The cameras that stay, one
// of which is live, lose nothing; another live one comes and goes. Nothing grows.
func TestManyReloads(t *testing.T) {
	reloads, warm, comes := 12, 4, 4
	if os.Getenv("VIGIL_LONG") != "" {
		reloads, warm, comes = 1000, 50, 10
	}
	server := rtsptest.Start(t, rtsptest.Options{})
	r := startReloading(t, 3, func(r *reloading) map[string]string {
		r.sources = map[string]string{"c2": server.URL(), "c3": server.URL()}
		return nil
	})
	var before usage
	opened := 0
	for i := range warm + reloads + 1 {
		more := map[string]string{"c0": fmt.Sprintf(", detector: {close_after: %ds}", 3+i%2)}
		cameras := 3
		if i%comes == 1 {
			cameras++
		}
		r.write("vigil.yaml", r.yaml(cameras, more))
		if got := r.reload(); got.Err != nil {
			t.Fatal(got.Err)
		}
		if i%comes == 1 && i/comes%2 == 0 { // every other time it leaves before it is open
			r.until("the camera that comes and goes", func() bool { return r.stats()["c3"].Openings > 0 })
			opened++
		}
		if i == warm {
			before = measure(t)
		}
		if i > 0 && i%100 == 0 {
			t.Logf("after %d: %v", i, measure(t))
		}
	}
	now := measure(t)
	t.Logf("%d reloads, the camera that comes and goes was open %d times: %v; before: %v", reloads, opened, now, before)
	const mib = 1 << 20
	if now.heap > before.heap+8*mib || now.resident > before.resident+32*mib ||
		now.workerResident > before.workerResident*5/4 || now.goroutines > before.goroutines+10 ||
		now.files > before.files+4 || now.workers != 1 {
		t.Error("reloads leave something behind")
	}
	// A clip of a recording may be skipped where the machine is slow, a frame may not be lost. The process of a live
	// camera leaves out frames if this one does not read them for seconds, but is never opened again.
	if s := r.stats()["c1"]; s.Openings != 1 || s.Missing+s.Gaps+s.Lost+s.Dropped != 0 {
		t.Errorf("%+v", s)
	}
	if s := r.stats()["c2"]; s.Openings != 1 || s.DecodeErrors+s.Failures+s.Dropped != 0 {
		t.Errorf("%+v", s)
	}
}
