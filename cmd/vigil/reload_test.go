//go:build linux && cgo && gocv_videoio

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"vigil/internal/alerttest"
	"vigil/internal/cameratest"
)

// The whole program takes up its configuration at SIGHUP and when the file changes, goes on with the earlier one if the
// file is wrong, and shows no secret.
func TestHangup(t *testing.T) {
	video := cameratest.Video(t, "street.mkv", "testsrc2=size=64x48:rate=10:duration=240", "-g", "1000")
	weights, file := cameratest.ZeroWeights(t), filepath.Join(t.TempDir(), "vigil.yaml")
	write := func(secret string, cameras ...string) {
		t.Helper()
		text := fmt.Sprintf("model: %s\ndata_dir: data\nlog: {level: debug}\nnats: {embedded: {port: 0}}\n"+
			"evidence: {enabled: false}\nwebhook: {url: \"http://127.0.0.1:1/%s\", secret: %s}\ncameras:\n",
			weights, secret,
			secret)
		for _, name := range cameras {
			text += fmt.Sprintf("  - {name: %s, source: %s, threshold: {lo: 0.1, theta: 0.5}}\n", name, video)
		}
		if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	write("XYZZY", "gate", "yard")
	var log alerttest.Log
	cmd := exec.CommandContext(t.Context(), os.Args[0], "vigil", "run", "-c", file)
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	logged := func(text string, times int) {
		t.Helper()
		alerttest.Eventually(alerttest.Within(t), t, text, func() bool { return log.Count(text) >= times })
	}
	logged(`msg="source open"`, 2)
	send(t, cmd.Process, syscall.SIGHUP)
	logged("the configuration is as it was, nothing changes", 1)
	write("XYZZY", "gate", "gate")
	send(t, cmd.Process, syscall.SIGHUP)
	logged("the new configuration is not used", 1)
	write("XYZZY2", "gate", "street")
	logged("a new configuration is in force", 1)
	for _, want := range []string{
		"keys=\"webhook.url, webhook.secret\"", `msg="camera removed" camera=yard`,
		"added=1 removed=1 replaced=0 updated=0",
	} {
		logged(want, 1)
	}
	logged(`msg="source open" camera=street`, 1)
	send(t, cmd.Process, syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, log.String())
	}
	if n := log.Count(`msg="source open" camera=gate`); n != 1 {
		t.Errorf("the camera that stays was opened %d times", n)
	}
	if strings.Contains(log.String(), "XYZZY") {
		t.Errorf("a secret is in the log:\n%s", log.String())
	}
}
