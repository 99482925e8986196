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

// self is this very binary, also when its file has been replaced meanwhile.
const self = "/proc/self/exe"

// ticks is the machine's monotonic clock in nanoseconds, the same in every process and the one that Go's own monotonic
// readings are from.
func ticks() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return 0
	}
	return t.Nano()
}

// harden gives up, in the child, what it does not need.
func harden() {
	// Under memory pressure a camera's process goes before vigil does.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("800"), 0) // without /proc the limit is the parent's to keep
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
}

// takeStdout takes the pipe to the parent out of reach of libraries that print: what they write goes to stderr.
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

// prepare makes the command's process one that dies with this one and is not reached by the terminal's signals.
func prepare(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// startConfined runs f on a thread of its own, on which whatever f starts can gain no privileges, and where it is to yield
// is less urgent than this process. The thread lives as long as f: the system kills a child when the thread that
// started it ends.
func startConfined(yield bool, f func(error)) {
	go func() {
		runtime.LockOSThread() // for good: the thread ends with this goroutine
		if unix.Gettid() != os.Getpid() {
			f(restrict(yield))
			return
		}
		// This is the program's first thread, whose word counts for the whole program. While it is held here another
		// one has to be taken.
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

// workerNice is by how much less urgent than this process one is that reads a camera: the scorer comes first, and still
// a few cameras whose pictures cost much get a tenth of a processor each. The scheduler compares the processes of one
// session only (sched_autogroup), which these are.
const workerNice = 10

// restrict makes what the calling thread starts gain no privileges and, where it is to yield, be less urgent than this
// process. Lowering needs no rights.
func restrict(yield bool) error {
	if yield {
		const zero = 20 // what the system says of a priority is 20 less it, so that no answer is negative
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

// pipeSize is what an unprivileged process may ask for: dozens of pictures.
const pipeSize = 1 << 20

// growPipe enlarges a pipe as far as the system allows.
func growPipe(f *os.File) {
	conn, err := f.SyscallConn()
	if err != nil {
		return
	}
	_ = conn.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeSize) })
}

// ticksASecond is the unit of a process's times in /proc, the same on every Linux.
const ticksASecond = 100

// processorTime is what a process has taken of the processor; 0 where that cannot be known.
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

// resident is the memory that a process takes, in bytes; 0 where that cannot be known.
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
