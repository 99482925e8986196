//go:build linux && cgo && gocv_videoio

package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vigil/api"
	"vigil/internal/cameratest"
	"vigil/internal/docs"
	"vigil/internal/testenv"
)

// The examples of docs/api.md, in their order, against a vigil that runs. Each must succeed.
func TestPagesCurlExamples(t *testing.T) {
	testenv.Tool(t, "curl")
	text, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	v := &switchedVigil{t: t, file: filepath.Join(dir, "vigil.yaml")}
	keepText(t, v.file, fmt.Sprintf("data_dir: vigil-data\nmodel: %s\nnats: {embedded: {port: 0}}\n"+
		"http: {listen: \"127.0.0.1:0\"}\ndefaults: {fps: 0, hop: 4, threshold: {lo: 0.1, theta: 0.5}}\ncameras:\n"+
		"  - {name: gate, source: %q}\n", cameratest.ZeroWeights(t), flashes(t, new(atomic.Bool))))
	v.start()
	v.until("a score", func(c api.Camera) bool { return c.ClipsScored > 0 })
	at := listens.FindStringSubmatch(v.log.String())
	if at == nil {
		t.Fatalf("nothing listens:\n%s", v.log.String())
	}
	examples, curls := "", 0
	for _, b := range (docs.Page{Text: string(text)}).Blocks() {
		if b.Language == "sh" {
			examples += b.Text + "\n"
			curls += strings.Count(b.Text, "curl ")
		}
	}
	address := strings.TrimPrefix(at[2], "http://")
	script := fmt.Sprintf("set -euo pipefail\nvigil() { %q vigil \"$@\"; }\n%s", os.Args[0],
		strings.ReplaceAll(examples, "127.0.0.1:8080", address))
	if curls < 10 || !strings.Contains(script, address) {
		t.Fatalf("%d examples", curls)
	}
	keepText(t, filepath.Join(dir, ".curlrc"), "silent\nshow-error\nfail-with-body\n")
	cmd := exec.CommandContext(t.Context(), "bash", "-x")
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(script)
	cmd.Env = append(os.Environ(), "CURL_HOME="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
	for _, want := range []string{
		`"name":"gate"`, `"openapi"`, `"role":"operate"`, `"effect":"added"`,
		`"snoozed_until"`,
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no answer has %s:\n%s", want, out)
		}
	}
}

// answerLimit is ten times what docs/api.md states for the 95th percentile.
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
		for _, path := range []string{"/cameras", "/cameras/c3", "/status", "/alerts", "/health", "/session"} {
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
