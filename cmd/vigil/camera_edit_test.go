//go:build linux && cgo && gocv_videoio

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"vigil/alerts"
	"vigil/alerts/cameras"
	"vigil/api"
	"vigil/internal/alerttest"
	"vigil/internal/cameratest"
	"vigil/internal/rtsptest"
)

// A camera is added, changed and removed while the whole program runs: it is watched at once, survives kill -9, and
// leaves the camera of the file alone. Its password is in no output and in no file of data_dir. One name in the file
// and at run time is an error of a reload, and costs the camera made at run time at a start.
func TestCamerasAtRunTime(t *testing.T) {
	server := rtsptest.Start(t, rtsptest.Options{User: "viewer", Password: planted})
	video := cameratest.Video(t, "street.mkv", "testsrc2=size=64x48:rate=10:duration=240", "-g", "1000")
	dir := t.TempDir()
	v := &switchedVigil{t: t, file: filepath.Join(dir, "vigil.yaml")}
	write := func(more string) {
		t.Helper()
		text := fmt.Sprintf("data_dir: data\nmodel: %s\nnats: {embedded: {port: 0}}\nhttp: {listen: off}\n"+
			"evidence: {enabled: false}\ndefaults: {fps: 0, hop: 4, threshold: {lo: 0.1, theta: 0.5}}\ncameras:\n"+
			"  - {name: gate, source: %s}\n%s", cameratest.ZeroWeights(t), video, more)
		if err := os.WriteFile(v.file+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(v.file+".new", v.file); err != nil {
			t.Fatal(err)
		}
	}
	write("")
	all := func() map[string]api.Camera {
		var s api.Status
		code, out, errs := runVigil(t, "status", "--json", "-c", v.file)
		v.printed.WriteString(out + errs)
		if code != exitDone || json.Unmarshal([]byte(out), &s) != nil {
			return nil
		}
		found := map[string]api.Camera{}
		for _, c := range s.Cameras {
			found[c.Name+" "+string(c.Origin)] = c
		}
		return found
	}
	until := func(what string, holds func(map[string]api.Camera) bool) {
		t.Helper()
		alerttest.Eventually(alerttest.Within(t), t, what, func() bool { return holds(all()) })
	}
	refused := func(says string, args ...string) {
		t.Helper()
		code, out, errs := runVigil(t, append(args, "-c", v.file)...)
		v.printed.WriteString(out + errs)
		if code != exitUsage || !strings.Contains(errs, says) {
			t.Errorf("%q: code %d, %s; want %q", args, code, errs, says)
		}
	}
	v.start()
	until("frames of the file's camera", func(m map[string]api.Camera) bool { return m["gate file"].Frames > 0 })

	refused("camera yard: hopp: unknown key; did you mean hop?", "camera", "add", "yard", "--source", "device:0",
		"--set", "hopp=3")
	refused("camera yard: hop: is 0, must be at least 1", "camera", "add", "yard", "--source", "device:0",
		"--set", "hop=0")
	refused("no-such.json", "camera", "add", "yard", "--source", "device:0", "--set", "calibration=no-such.json")
	refused("camera gate is in "+v.file, "camera", "add", "gate", "--source", "device:0")
	refused("no such camera", "camera", "remove", "yard")
	add := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), os.Args[0], append([]string{
			"vigil", "camera", "add", "yard", "-c", v.file, "--source", "-", "--set", "read_timeout=5s",
		}, args...)...)
		cmd.Stdin = strings.NewReader(server.URL() + "\n")
		out, err := cmd.CombinedOutput()
		v.printed.Write(out)
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	if out := add("--check"); !strings.Contains(out, "yard: would be added") {
		t.Errorf("the check says %s", out)
	}
	if m := all(); len(m) != 1 {
		t.Errorf("after the check there are %+v", m)
	}
	if out := add(); !strings.Contains(out, "yard: added (revision ") {
		t.Errorf("printed %s", out)
	}
	plays := func(m map[string]api.Camera) bool {
		c := m["yard runtime"]
		return c.Frames > 3 && c.State == alerts.StateLive && c.Revision > 0
	}
	until("the added camera plays", plays)
	refused("exists at revision", "camera", "add", "yard", "--source", "device:0")
	if gate := all()["gate file"]; gate.Missing > 0 || v.log.Count(`msg="source open" camera=gate`) != 1 {
		t.Errorf("the camera of the file is %+v", gate)
	}

	v.kill()
	v.start()
	until("the added camera plays after kill -9", plays)
	if out := v.do("camera", "set", "yard", "detector.enter=0.4", "--check"); !strings.Contains(out,
		"would be changed between two clips") {
		t.Errorf("the check says %s", out)
	}
	if out := v.do("camera", "set", "yard", "hop=8", "detector.enter=0.4"); !strings.Contains(out, "opened again") {
		t.Errorf("printed %s", out)
	}
	until("the changed camera plays", plays) // with the password that no command has given again
	if out := v.do("camera", "set", "yard", "hop=8"); !strings.Contains(out, "nothing changes") {
		t.Errorf("printed %s", out)
	}
	show := v.do("camera", "show", "yard")
	for _, want := range []string{
		"hop=8", `detector={"enter":0.4}`, "read_timeout=5s", "run time", "rtsp://***@127.0.0.1",
		"changed detector, hop (cli)", "added (cli)",
	} {
		if !strings.Contains(show, want) {
			t.Errorf("camera show does not say %q:\n%s", want, show)
		}
	}
	refused("not the stored one", "camera", "set", "yard", "source=rtsp://***@127.0.0.2:1/x")

	// The name in both.
	write("  - {name: yard, source: " + video + "}\n")
	both := func() bool { return v.log.Count("code=camera.twice") > 0 }
	alerttest.Eventually(alerttest.Within(t), t, "a refused file", both)
	if out := v.do("status"); !strings.Contains(out, "NOT in force") ||
		!strings.Contains(out, "camera yard is in "+v.file+
			", and was made at run time") {
		t.Errorf("status says %s", out)
	}
	until("the camera made at run time goes on", plays)
	v.kill()
	v.start()
	until("the camera of the file is watched, the other one is failed", func(m map[string]api.Camera) bool {
		failed := m["yard runtime"]
		return m["yard file"].Frames > 0 && failed.State == alerts.StateFailed && failed.Code == "camera.twice" &&
			failed.Frames == 0
	})
	if n := v.log.Count("ALARM: a camera that was made at run time is not monitored"); n != 1 {
		t.Errorf("%d alarms", n)
	}
	v.do("camera", "remove", "yard")
	until("the other one is gone", func(m map[string]api.Camera) bool {
		_, there := m["yard runtime"]
		return !there && m["yard file"].State != ""
	})
	write("")
	until("only one camera", func(m map[string]api.Camera) bool { return len(m) == 1 })
	v.do("camera", "list")
	if err := v.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := v.cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, v.log.String())
	}
	for what, text := range map[string]string{"printed": v.printed.String(), "logged": v.log.String()} {
		if strings.Contains(text, planted) {
			t.Errorf("a secret is %s:\n%s", what, text)
		}
	}
	err := filepath.WalkDir(filepath.Join(dir, "data"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(text, []byte(planted)) {
			t.Errorf("the password is in %s", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "data", cameras.KeyFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key is %v, %v", info, err)
	}
}
