package pipeline

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ticksASecond is the unit of times in /proc, the same on every Linux.
const ticksASecond = 100

// readMachine reads the processor time used so far by this process, and the idle time.
func readMachine() (m machineTime) {
	var u syscall.Rusage
	text, err := os.ReadFile("/proc/stat")
	if err != nil || syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return m
	}
	line, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line) // cpu, user, nice, system, idle, waiting for disks, ...
	if len(fields) < 6 {
		return m
	}
	for _, f := range fields[4:6] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return m
		}
		m.idle += time.Duration(n) * time.Second / ticksASecond
	}
	m.own, m.cores, m.ok = time.Duration(u.Utime.Nano()+u.Stime.Nano()), float64(runtime.GOMAXPROCS(0)), true
	return m
}
