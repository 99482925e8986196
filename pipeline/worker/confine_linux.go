package worker

import (
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// self is the running binary, even if its file has been replaced since.
const self = "/proc/self/exe"

// monotonicNanos is the monotonic clock in nanoseconds, which is the same in every process and the source of Go's
// monotonic readings.
func monotonicNanos() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return 0
	}
	return t.Nano()
}

// harden drops, in the worker, what it does not need.
func harden() {
	// Under memory pressure the kernel kills workers before vigil.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("800"), 0) // without /proc the parent enforces the limit
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
}

// takeStdout moves the pipe to the parent to another descriptor, so that libraries that print write to stderr instead.
func takeStdout() (*os.File, error) {
	fd, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, err
	}
	if err := unix.Dup3(2, 1, 0); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "pipe"), nil //nolint:gosec // A file descriptor is not negative.
}

// prepare makes the command's process die with this one, and puts it out of reach of the terminal's signals.
func prepare(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// startConfined runs f on a thread of its own. Processes that f starts cannot gain privileges and, with yield, run at a
// lower priority. The thread lives as long as f: Pdeathsig kills a process when the thread that started it ends.
func startConfined(yield bool, f func(error)) {
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		if unix.Gettid() != os.Getpid() {
			f(restrict(yield))
			return
		}
		// This is the program's main thread, whose priority and privileges count for the whole process. While this
		// goroutine holds it, another goroutine gets another thread.
		taken := make(chan struct{})
		go func() {
			runtime.LockOSThread()
			close(taken)
			f(restrict(yield))
		}()
		<-taken
		runtime.UnlockOSThread()
	}()
}

// workerNice is added to a worker's nice value: the scorer comes first, and a few cameras that are expensive to decode
// still get a tenth of a processor each. The kernel compares priorities only within a session (sched_autogroup), which
// workers share with this process.
const workerNice = 10

// restrict prevents processes that the calling thread starts from gaining privileges and, with yield, lowers their
// priority, which needs no rights.
func restrict(yield bool) error {
	if yield {
		const zero = 20 // the system call returns 20 minus the nice value, so that the result is never negative
		is, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
		if err == nil {
			err = unix.Setpriority(unix.PRIO_PROCESS, 0, min(zero-is+workerNice, 19))
		}
		if err != nil {
			return err
		}
	}
	return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
}

// pipeSize is the limit for unprivileged processes: dozens of pictures.
const pipeSize = 1 << 20

// growPipe enlarges a pipe as far as the system allows.
func growPipe(f *os.File) {
	conn, err := f.SyscallConn()
	if err != nil {
		return
	}
	_ = conn.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeSize) })
}

// ticksASecond is the unit of times in /proc, the same on every Linux.
const ticksASecond = 100

// processorTime returns the processor time that a process has used; 0 if unknown.
func processorTime(pid int) time.Duration {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	if err1 != nil || err2 != nil {
		return 0
	}
	return time.Duration(user+system) * time.Second / ticksASecond
}

// resident returns the resident memory of a process in bytes; 0 if unknown.
func resident(pid int) int64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
