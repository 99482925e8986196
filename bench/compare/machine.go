package main

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"vigil/model/kernel"
)

// Machine describes where, when and of which version the figures were taken.
type Machine struct {
	Date    string   `json:"date"`
	Commit  string   `json:"commit"`
	Cores   int      `json:"cores"`
	Sets    []string `json:"instruction_sets"`
	System  string   `json:"system"`
	Go      string   `json:"go"`
	Load    string   `json:"load,omitempty"` // averages over 1, 5 and 15 minutes before the run, if available
	Changed bool     `json:"changed,omitempty"`
}

func describeMachine(ctx context.Context) Machine {
	m := Machine{
		Date: time.Now().UTC().Format("2006-01-02 15:04 UTC"), Commit: git(ctx, "rev-parse", "--short=12", "HEAD"),
		Cores: runtime.NumCPU(), System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(),
		// Files that this program writes do not count.
		Changed: git(ctx, "status", "--porcelain", "--untracked-files=no", "--", ":!BENCHMARKS.md",
			":!bench/results.json", ":!bench/plots") != "",
	}
	for _, s := range kernel.Sets() {
		m.Sets = append(m.Sets, s.Name)
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load = strings.Join(strings.Fields(string(load))[:3], ", ")
	}
	return m
}

// git is the output of a git command, or "" without git or a repository.
func git(ctx context.Context, args ...string) string {
	out, err := exec.CommandContext(ctx, "git", args...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
