//go:build unix && !linux

package main

import "golang.org/x/sys/unix"

// leaveNoCore keeps the memory of this process, which has the passwords of cameras and sinks in it, out of core files.
func leaveNoCore() { _ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) }
