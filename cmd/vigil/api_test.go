//go:build linux && cgo && gocv_videoio

package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vigil/api"
	"vigil/internal/cameratest"
)

// answerLimit is ten times what stated for the 95th percentile.
const answerLimit = 200 * time.Millisecond

// The API answers while eight cameras are watched, and no core file has the memory of the program.
func TestAnswersBesideCameras(t *testing.T) {
	dir := t.TempDir()
	v := &switchedVigil{t: t, file: filepath.Join(dir, "vigil.yaml")}
	text := fmt.Sprintf("data_dir: data\nmodel: %s\nnats: {embedded: {port: 0}}\nhttp: {listen: \"127.0.0.1:0\"}\n"+
		"defaults: {fps: 0, hop: 4, threshold: {lo: 0.1, theta: 0.5}}\ncameras:\n", cameratest.ZeroWeights(t))
	for i := range 8 {
		text += fmt.Sprintf("  - {name: c%d, source: %q}\n", i, flashes(t, new(atomic.Bool)))
	}
	keepText(t, v.file, text)
	v.start()
	v.until("a score", func(c api.Camera) bool { return c.ClipsScored > 0 })
	at := listens.FindStringSubmatch(v.log.String())
	var took []time.Duration
	for range 50 {
		for _, path := range []string{"/cameras", "/cameras/c3", "/status", "/alerts", "/health", "/config"} {
			began := time.Now()
			if status, text := get(t, at[2]+"/api/v1"+path); status != http.StatusOK {
				t.Fatalf("%s: %d %s", path, status, text)
			}
			took = append(took, time.Since(began))
		}
	}
	slices.Sort(took)
	if p95 := took[len(took)*95/100]; p95 > answerLimit {
		t.Errorf("the 95th percentile is %v", p95)
	}
	t.Logf("50th percentile %v, 95th %v, longest %v", took[len(took)/2], took[len(took)*95/100], took[len(took)-1])

	proc := fmt.Sprintf("/proc/%d/", v.cmd.Process.Pid)
	limits, err := os.ReadFile(proc + "limits")
	if err != nil || !regexp.MustCompile(`Max core file size +0 +0 `).Match(limits) {
		t.Errorf("core files: %v\n%s", err, limits)
	}
	if filter, err := os.ReadFile(proc + "coredump_filter"); err != nil || strings.Trim(string(filter), "0\n") != "" {
		t.Errorf("what a core has: %q, %v", filter, err)
	}
}
