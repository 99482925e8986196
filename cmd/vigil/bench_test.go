package main

import (
	"bytes"
	"context"
	"encoding/json"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vigil/model/kernel"
)

// TestBenchJSON reads what other programs may rely on.
func TestBenchJSON(t *testing.T) {
	picture := filepath.Join(t.TempDir(), "roof.png")
	var stdout, stderr bytes.Buffer
	code := run(context.Background(), []string{
		"bench", "--json", "--preset", "micro", "--threads", "2", "--rounds", "1", "--isa", "go", "--plot", picture,
	}, &stdout, &stderr)
	if code != exitDone {
		t.Fatalf("exit code %d: %s", code, &stderr)
	}
	type figures struct{ Seconds, GFLOPS, Share float64 }
	var r struct {
		ISA     string  `json:"isa"`
		Threads int     `json:"threads"`
		Peak    float64 `json:"peak_gflops"`
		Presets map[string]struct{ Forward, Step figures }
	}
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		t.Fatalf("%v in %s", err, &stdout)
	}
	micro, there := r.Presets["micro"]
	if r.ISA != "go" || r.Threads != 2 || r.Peak <= 0 || !there || len(r.Presets) != 1 {
		t.Errorf("%+v", r)
	}
	for _, f := range []figures{micro.Forward, micro.Step} {
		if f.Seconds <= 0 || f.GFLOPS <= 0 || math.Abs(f.Share-f.GFLOPS/r.Peak) > 1e-9 {
			t.Errorf("%+v with a peak of %v", f, r.Peak)
		}
	}
	f, err := os.Open(picture)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := png.Decode(f); err != nil {
		t.Error(err)
	}
}

func TestBenchTable(t *testing.T) {
	var stdout, stderr bytes.Buffer
	code := run(context.Background(), []string{"bench", "--preset", "micro", "--rounds", "1", "--no-steps"},
		&stdout, &stderr)
	if code != exitDone || !strings.Contains(stdout.String(), kernel.BestSet().Name) ||
		!strings.Contains(stdout.String(), "preset micro") {
		t.Errorf("exit code %d:\n%s%s", code, &stdout, &stderr)
	}
	if strings.Contains(stdout.String(), "training") || !strings.Contains(stderr.String(), "bench: micro: scoring") {
		t.Errorf("stdout:\n%s\nstderr:\n%s", &stdout, &stderr)
	}
}

func TestBenchRefuses(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--preset", "large"}, `--preset: preset "large" is unknown, known are paper`},
		{[]string{"--preset", ""}, "--preset: name at least one"},
		{[]string{"--isa", "sse"}, `--isa: instruction set "sse" is not available, this machine has go`},
		{[]string{"--threads", "-1"}, "--threads: is -1"},
		{[]string{"--rounds", "0"}, "--rounds: is 0"},
		{[]string{"--plot", filepath.Join(t.TempDir(), "no", "such.png")}, "--plot"},
		{[]string{"paper"}, "vigil bench --help"},
	} {
		var stdout, stderr bytes.Buffer
		code := run(context.Background(), append([]string{"bench"}, c.args...), &stdout, &stderr)
		if code != exitUsage || !strings.Contains(stderr.String(), c.want) || stdout.Len() > 0 {
			t.Errorf("%v: exit code %d, stdout %q, stderr %q, want %q", c.args, code, &stdout, &stderr, c.want)
		}
	}
}
