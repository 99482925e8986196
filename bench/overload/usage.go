//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

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
