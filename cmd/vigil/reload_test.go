//go:build linux && cgo && gocv_videoio

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"vigil/internal/alerttest"
	"vigil/internal/cameratest"
	"vigil/internal/health"
)

// The whole program takes up its configuration at SIGHUP and when the file changes, goes on with the earlier one if the
// file is wrong, and shows no secret.
func TestHangup(t *testing.T) {
	video := cameratest.Video(t, "street.mkv", "testsrc2=size=64x48:rate=10:duration=240", "-g", "1000")
	weights, file := cameratest.ZeroWeights(t), filepath.Join(t.TempDir(), "vigil.yaml")
	write := func(secret string, cameras ...string) {
		t.Helper()
		text := fmt.Sprintf("model: %s\ndata_dir: data\nlog: {level: debug}\nnats: {embedded: {port: 0}}\n"+
			"http: {listen: \"127.0.0.1:0\"}\n"+
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
	// It is ready all the same, and says what is wrong.
	url := regexp.MustCompile(`msg="HTTP listens" key=http.listen url=(\S+)`).FindStringSubmatch(log.String())
	if url == nil {
		t.Fatal(log.String())
	}
	status := func(want ...string) {
		t.Helper()
		text := mustRunVigil(t, "status", "-c", file)
		for _, want := range want {
			if !strings.Contains(text, want) {
				t.Errorf("vigil status does not say %q:\n%s", want, text)
			}
		}
		_, metrics := get(t, url[1]+"/metrics")
		_, remarks := get(t, url[1]+"/readyz")
		if all := text + metrics + remarks; strings.Contains(all, "XYZZY") {
			t.Errorf("a secret is in\n%s", all)
		}
	}
	status("NOT in force", "vigil.yaml:10: cameras[1].name: is \"gate\"")
	remark := func(state, name string) {
		t.Helper()
		alerttest.Eventually(alerttest.Within(t), t, "ready with "+state, func() bool {
			code, text := get(t, url[1]+"/readyz")
			var ready health.Ready
			return code == http.StatusOK && json.Unmarshal([]byte(text), &ready) == nil &&
				slices.ContainsFunc(ready.Info, func(i health.Item) bool {
					return i.Kind == health.KindConfig && i.State == state && i.Name == name
				})
		})
	}
	remark(health.ConfigNotInForce, "file")
	write("XYZZY2", "gate", "street")
	logged("a new configuration is in force", 1)
	for _, want := range []string{
		"keys=\"webhook.url, webhook.secret\"", `msg="camera removed" camera=yard`,
		"added=1 removed=1 replaced=0 updated=0",
	} {
		logged(want, 1)
	}
	logged(`msg="source open" camera=street`, 1)
	status("only after a restart: webhook.url, webhook.secret")
	remark(health.ConfigNeedsRestart, "webhook.url")
	if _, text := get(t, url[1]+"/metrics"); value(text, `vigil_config_restart_needed{key="webhook.url"}`) != "1" ||
		value(text, "vigil_config_last_reload_successful") != "1" {
		t.Errorf("the metrics are\n%s", text)
	}
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
