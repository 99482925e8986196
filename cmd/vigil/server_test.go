//go:build linux && cgo && gocv_videoio

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/alerts/archive"
	"vigil/api"
	"vigil/internal/alerttest"
	"vigil/internal/cameratest"
	"vigil/internal/certtest"
)

// elsewhere is a vigil in a process of its own at http.listen, with two cameras.
func elsewhere(t *testing.T, http string) (v *switchedVigil, url string) {
	t.Helper()
	dir := t.TempDir()
	v = &switchedVigil{t: t, file: filepath.Join(dir, "vigil.yaml")}
	video := cameratest.Video(t, "street.mkv", "testsrc2=size=64x48:rate=10:duration=240", "-g", "1000")
	text := fmt.Sprintf(
		"data_dir: data\nmodel: %s\nnats: {embedded: {port: 0}}\nhttp: %s\nevidence: {enabled: false}\n"+
			"defaults: {fps: 0, hop: 4, threshold: {lo: 0.000001, theta: 0.00001}}\ncameras:\n"+
			"  - {name: gate, source: %s}\n  - {name: yard, source: %s}\n", cameratest.ZeroWeights(t), http,
		video, video)
	if err := os.WriteFile(v.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	v.start()
	alerttest.Eventually(alerttest.Within(t), t, "the listener", func() bool {
		m := listens.FindStringSubmatch(v.log.String())
		if m != nil {
			url = m[2]
		}
		return m != nil
	})
	t.Cleanup(func() { _ = v.cmd.Wait() }) // the end of the test kills it
	return v, url
}

// withVariables runs a command with variables of the environment.
func withVariables(t *testing.T, variables []string, args ...string) (code int, out, errs string) {
	t.Helper()
	for _, name := range []string{serverVariable, tokenVariable} {
		t.Setenv(name, "")
	}
	for _, one := range variables {
		name, value, _ := strings.Cut(one, "=")
		t.Setenv(name, value)
	}
	return runVigil(t, args...)
}

// A vigil is asked over its API from elsewhere, by tokens that may do more or less, and from this machine; no token is
// in any output.
func TestVigilElsewhere(t *testing.T) {
	v, url := elsewhere(t, `{listen: "127.0.0.1:0"}`)
	add := func(name string, args ...string) (token, file string) {
		t.Helper()
		token = strings.TrimSpace(mustRunVigil(t, append([]string{"token", "add", name, "-c", v.file}, args...)...))
		file = filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return token, file
	}
	all, allFile := add("all", "--role", "operate")
	yard, yardFile := add("yard", "--role", "operate", "--camera", "yard")
	revoked, _ := add("revoked")
	mustRunVigil(t, "token", "revoke", "revoked", "-c", v.file)
	var printed strings.Builder
	server := "VIGIL_SERVER=" + url
	run := func(wantCode int, want string, variables []string, args ...string) string {
		t.Helper()
		code, out, errs := withVariables(t, variables, args...)
		printed.WriteString(out + errs)
		if code != wantCode || !strings.Contains(out+errs, want) {
			t.Errorf("%q: code %d, want %d and %q:\n%s%s", args, code, wantCode, want, out, errs)
		}
		return out
	}
	alerttest.Eventually(alerttest.Within(t), t, "an alert of each camera", func() bool {
		return strings.Contains(v.do("alerts", "list", "--camera", "gate"), "gate") &&
			strings.Contains(v.do("alerts", "list", "--camera", "yard"), "yard")
	})

	// Without a login one may look, on this machine.
	run(exitDone, "vigil ", nil, "status", "--server", url)
	var list api.CameraList
	out := run(exitDone, "gate", []string{server}, "camera", "list", "--json")
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list.Cameras) != 2 {
		t.Errorf("%v: %s", err, out)
	}
	run(exitFailed, "--token-file FILE", nil, "camera", "snooze", "gate", "--for", "1h", "--server", url)

	// With a token for everything.
	run(exitDone, "gate: snoozed until", []string{server, "VIGIL_TOKEN=" + all}, "camera", "snooze", "gate",
		"--for", "1h")
	run(exitDone, "token:all", nil, "camera", "show", "gate", "--server", url, "--token-file", allFile)
	run(exitDone, "hall: added", nil, "camera", "add", "hall", "--source", "rtsp://127.0.0.1:1/x", "--server", url,
		"--token-file", allFile)
	run(exitDone, "hall: changed", nil, "camera", "set", "hall", "hop=8", "--server", url, "--token-file", allFile)
	run(exitDone, "hall: removed", nil, "camera", "remove", "hall", "--server", url, "--token-file", allFile)
	run(exitUsage, "no such camera", nil, "camera", "show", "hall", "--server", url, "--token-file", allFile)

	// With one that is limited to a camera.
	if out := run(exitDone, "yard", nil, "camera", "list", "--server", url, "--token-file",
		yardFile); strings.Contains(out, "gate") {
		t.Errorf("the other camera is listed:\n%s", out)
	}
	limited := []string{server, "VIGIL_TOKEN=" + yard}
	run(exitUsage, "no such camera", limited, "camera", "pause", "gate")
	run(exitFailed, "access.denied", limited, "status")
	run(exitFailed, "access.denied", limited, "camera", "add", "hall", "--source", "device:0")
	if out := run(exitDone, "yard", limited, "alerts", "list"); strings.Contains(out, "gate") {
		t.Errorf("alerts of the other camera are listed:\n%s", out)
	}

	// With one that was revoked, and none that is one.
	run(exitFailed, "was revoked", []string{server, "VIGIL_TOKEN=" + revoked}, "camera", "list")
	run(exitUsage, "spaces", []string{server, "VIGIL_TOKEN=XYZZY with spaces"}, "camera", "list")
	run(exitUsage, "not both", nil, "camera", "list", "--server", url, "-c", v.file)
	run(exitUsage, "--server with a URL", nil, "camera", "list", "--token-file", allFile)
	blank := filepath.Join(t.TempDir(), "blank")
	if err := os.WriteFile(blank, []byte(" \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(exitUsage, "is empty", nil, "camera", "list", "--server", url, "--token-file", blank)
	run(exitUsage, "no such file", nil, "camera", "list", "--server", url, "--token-file", "none")
	run(exitUsage, "--insecure-http", []string{"VIGIL_TOKEN=" + all}, "status", "--server", "http://192.0.2.1")
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<html>\x1b[2J")
	}))
	defer page.Close()
	run(exitFailed, "server.not_vigil", []string{"VIGIL_TOKEN=" + all}, "status", "--server", page.URL)
	page.Close()
	run(exitFailed, "server.unreachable", []string{"VIGIL_TOKEN=" + all}, "status", "--server", page.URL)
	for _, token := range []string{all, yard, revoked, "XYZZY"} {
		if strings.Contains(printed.String(), token) || strings.Contains(v.log.String(), token) {
			t.Errorf("token %.10s… is printed:\n%s", token, printed.String())
		}
	}
	sameAlerts(t, v, url, allFile)
	completions(t, v, url, yardFile)
}

// sameAlerts checks that alerts are the same from everywhere: the socket, the server and the store of NATS.
func sameAlerts(t *testing.T, v *switchedVigil, url, tokenFile string) {
	t.Helper()
	remote := []string{"--server", url, "--token-file", tokenFile}
	var open []alerts.Alert
	alerttest.Eventually(alerttest.Within(t), t, "the end of an alert of gate", func() bool {
		open = nil
		for line := range strings.Lines(v.do("alerts", "list", "--camera", "gate", "--json")) {
			a, err := alerts.Decode([]byte(line))
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, a)
		}
		return len(open) > 0 && open[len(open)-1].End != nil
	})
	id := open[len(open)-1].ID
	stored := mustRunVigil(t, "alerts", "--local", "-c", v.file, "--since", "1h", "--follow=false", "--camera", "gate",
		"--json")
	line := stored[strings.LastIndex(strings.TrimSuffix(stored, "\n"), "\n")+1:]
	for what, args := range map[string][]string{"socket": {"-c", v.file}, "server": remote} {
		out := mustRunVigil(t, append([]string{"alerts", "list", "--camera", "gate", "--limit", "1", "--json"},
			args...)...)
		if out != line {
			t.Errorf("over the %s the message is\n%s, stored is\n%s", what, out, line)
		}
		var r archive.Record
		for _, text := range []string{id, id[:len(id)-1], "last"} {
			out := mustRunVigil(t, append([]string{"alerts", "show", text, "--camera", "gate", "--json"}, args...)...)
			if err := json.Unmarshal([]byte(out), &r); err != nil || len(r.Messages) < 2 || !strings.Contains(out, id) {
				t.Errorf("over the %s %s is %v %s", what, text, err, out)
			}
		}
		if code, _, errs := runVigil(t, append([]string{"alerts", "show", alerts.NewID()}, args...)...); code !=
			exitFailed || !strings.Contains(errs, "no such alert") {
			t.Errorf("over the %s: code %d, %s", what, code, errs)
		}
		to := t.TempDir()
		mustRunVigil(t, append([]string{"alerts", "export", id, to}, args...)...)
		if _, err := os.Stat(filepath.Join(to, "alert.json")); err != nil {
			t.Error(err)
		}
	}
	if out := mustRunVigil(t, append([]string{"alerts", "ack", id, "--by", "Ann"}, remote...)...); !strings.Contains(
		out,
		"acknowledged by Ann (token:all)") {
		t.Errorf("printed %s", out)
	}
	if out := mustRunVigil(t, "alerts", "ack", id, "--by", "Bob", "--local", "-c", v.file); !strings.Contains(out,
		"acknowledged by Bob\n") {
		t.Errorf("printed %s", out)
	}
	if out := v.do("alerts", "list", "--limit", "0"); !strings.Contains(out, "seen (Bob)") {
		t.Errorf("the list is\n%s", out)
	}
	if out := mustRunVigil(t, append([]string{"alerts", "--since", "24h", "--follow=false"},
		remote...)...); !strings.Contains(out, id[:12]) || !strings.Contains(out, " start ") {
		t.Errorf("the messages are\n%s", out)
	}
	followed(t, append([]string{"alerts", "--since", "24h"}, remote...))
}

// followed checks that following prints alerts, and ends as it is asked to.
func followed(t *testing.T, args []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), alerttest.LongWait)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], append([]string{"vigil"}, args...)...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() || !strings.Contains(lines.Text(), " start ") {
		t.Errorf("%q: %q %s", args, lines.Text(), &errs)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	for lines.Scan() { //nolint:revive // until it has ended
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%q ends with %v: %s", args, err, &errs)
	}
}

// completions checks what a shell is offered.
func completions(t *testing.T, v *switchedVigil, url, tokenFile string) {
	t.Helper()
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer slow.Close()
	here, there := []string{"-c", v.file}, []string{"--server", url, "--token-file", tokenFile}
	hostile := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"cameras":[{"name":"$(reboot)"},{"name":"a","state":"$(reboot)"},{"name":"yard"}]}`)
	}))
	defer hostile.Close()
	for _, tt := range []struct {
		args      []string
		has, lack string
	}{
		{append([]string{"camera", "pause"}, append(here, "")...), "gate\t", "vigil.yaml"},
		{append([]string{"camera", "show"}, append(there, "")...), "yard\t", "gate"},
		{append([]string{"camera", "snooze", "gate"}, append(here, "")...), "off\n", "gate"},
		{append([]string{"camera", "detection", "gate"}, append(here, "")...), "on\noff\n", "gate"},
		{append([]string{"camera", "set", "gate"}, append(here, "")...), ":4", "yard"},
		{append([]string{"token", "add", "x"}, append(here, "--camera", "")...), "gate\t", ""},
		{append([]string{"alerts", "list"}, append(here, "--camera", "")...), "gate\t", ""},
		{append([]string{"alerts", "show"}, append(there, "")...), "last\n0", "gate"},
		{append([]string{"run"}, append(here, "")...), "gate\nyard\n", ""},
		{append([]string{"record"}, append(here, "")...), "gate\nyard\n", ""},
		{append([]string{"replay"}, append(here, "--camera", "")...), "gate\nyard\n", ""},
		{[]string{"camera", "pause", "--data-dir", t.TempDir(), ""}, ":4\n", "gate"},
		{[]string{"camera", "pause", "--server", slow.URL, ""}, ":4\n", "gate"},
		{[]string{"camera", "pause", "--server", hostile.URL, ""}, "yard\n:4", "reboot"},
		{[]string{"alerts", "ack", "--server", slow.URL, ""}, "last\n:", "gate"},
		{[]string{"camera", "pause", "--server", "nothing", ""}, ":4\n", "gate"},
	} {
		began := time.Now()
		code, out, errs := withVariables(t, nil, append([]string{"__complete"}, tt.args...)...)
		// A shell is not made to wait: a vigil that takes longer to answer, as on a busy machine, is asked again.
		for code == exitDone && !strings.Contains(out, tt.has) && time.Since(began) < alerttest.LongWait {
			code, out, errs = withVariables(t, nil, append([]string{"__complete"}, tt.args...)...)
		}
		if code != exitDone || !strings.Contains(out, tt.has) || tt.lack != "" && strings.Contains(out, tt.lack) {
			t.Errorf("%q: code %d\n%s%s", tt.args, code, out, errs)
		}
	}
}

// A certificate of one's own is trusted with --ca only.
func TestVigilElsewhereWithTLS(t *testing.T) {
	own := certtest.SelfSigned(t, "127.0.0.1")
	v, url := elsewhere(t, fmt.Sprintf(`{listen: "127.0.0.1:0", tls: {cert: %s, key: %s}}`, own.CertFile, own.KeyFile))
	if !strings.HasPrefix(url, "https://") {
		t.Fatalf("it listens at %s", url)
	}
	token := strings.TrimSpace(mustRunVigil(t, "token", "add", "x", "-c", v.file))
	for _, tt := range []struct {
		code int
		says string
		args []string
	}{
		{exitDone, "gate", []string{"--server", url, "--ca", own.CertFile}},
		{exitFailed, "give --ca FILE", []string{"--server", url}},
		{exitFailed, "not signed by one of", []string{"--server", url, "--ca", certtest.SelfSigned(t).CertFile}},
		{exitFailed, "give https://", []string{"--server", strings.Replace(url, "https", "http", 1)}},
		{exitUsage, "no certificate", []string{"--server", url, "--ca", v.file}},
	} {
		code, out, errs := withVariables(t, []string{"VIGIL_TOKEN=" + token},
			append([]string{"camera", "list"}, tt.args...)...)
		if code != tt.code || !strings.Contains(out+errs, tt.says) || strings.Contains(out+errs, token) {
			t.Errorf("%q: code %d\n%s%s", tt.args, code, out, errs)
		}
	}
}
