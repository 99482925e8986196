package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// leaveNoCore keeps the memory of this process, which has the passwords of cameras and sinks in it, out of core files.
// The limit is not that of a core that the kernel pipes to a program, such as systemd-coredump; the filter is. The
// process goes on where it cannot be set: it is not what the user asked for.
func leaveNoCore() {
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	_ = os.WriteFile("/proc/self/coredump_filter", []byte("0"), 0)
}
