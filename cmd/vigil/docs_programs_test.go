package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/evidence"
	"vigil/internal/testenv"
)

// serveAlert is the server inside vigil, as everybody on the machine finds it, with an alert and a piece of evidence;
// publish stores another alert.
func serveAlert(t *testing.T) (url string, kept alerts.Alert, publish func()) {
	t.Helper()
	server, err := broker.Start(t.Context(), broker.Options{Dir: t.TempDir(), Port: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Shutdown() })
	conn, err := broker.Dial(t.Context(), broker.DialOptions{Server: server})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := conn.EnsureLocalStream(t.Context(), broker.StreamBytes); err != nil {
		t.Fatal(err)
	}
	objects, err := evidence.OpenObjects(t.Context(), conn.JetStream(), evidence.Limits{Bytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	put := func() alerts.Alert {
		a := sampleAlert(alerts.PhaseStart)
		if err := conn.Publish(t.Context(), a); err != nil {
			t.Error(err)
		}
		return a
	}
	kept = put()
	if err := objects.Put(t.Context(), kept.ID+"/clip-1412.mp4", "video/mp4", []byte("a clip")); err != nil {
		t.Fatal(err)
	}
	return server.URL(), kept, func() { put() }
}

// pageProgram is what docs/alerts.md has in a language, with the address of a server of the test's.
func pageProgram(t *testing.T, language, url string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```" + language + "\n(.*?)```").FindSubmatch(text)
	if m == nil {
		t.Fatalf("docs/alerts.md has no program in %s", language)
	}
	program := strings.NewReplacer("nats://127.0.0.1:4222", url, "nats.DefaultURL", fmt.Sprintf("%q", url)).Replace(
		string(m[1]))
	if !strings.Contains(program, url) {
		t.Fatalf("the program in %s connects to no server that the test knows:\n%s", language, program)
	}
	return program
}

// runUntilPrinted runs a program until it has printed something, and publishes alerts until then; others must end by
// themselves.
func runUntilPrinted(t *testing.T, cmd *exec.Cmd, publish func(), want string) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs strings.Builder
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
	}()
	defer func() {
		_ = cmd.Process.Kill()
		for range lines { //nolint:revive // until it has ended
		}
		_ = cmd.Wait()
	}()
	all := ""
	for {
		publish()
		select {
		case line, more := <-lines:
			all += line + "\n"
			if strings.Contains(all, want) {
				return
			}
			if !more {
				t.Fatalf("%v ended and printed %q, not %q: %s", cmd.Args, all, want, &errs)
			}
		case <-t.Context().Done():
			t.Fatal("the test was ended")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func TestPagesGoProgram(t *testing.T) {
	url, _, publish := serveAlert(t)
	file, program := filepath.Join(t.TempDir(), "main.go"), filepath.Join(t.TempDir(), "program")
	keepText(t, file,
		"package main\n\nimport (\n\"encoding/json\"\n\"fmt\"\n\"log\"\n\n\"github.com/nats-io/nats.go\"\n)\n\nfunc "+
			"main() {\n"+
			pageProgram(t, "go", url)+"}\n")
	build := exec.CommandContext(t.Context(), testenv.Tool(t, "go"), "build", "-o", program, file)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	runUntilPrinted(t, exec.CommandContext(t.Context(), program), publish, "yard anomaly")
}

func TestPagesJavaScriptProgram(t *testing.T) {
	node, modules := testenv.Tool(t, "node"), testenv.Installed(t, "node/node_modules")
	url, _, publish := serveAlert(t)
	file := filepath.Join(t.TempDir(), "main.js")
	keepText(t, file, pageProgram(t, "javascript", url))
	cmd := exec.CommandContext(t.Context(), node, file)
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
	runUntilPrinted(t, cmd, publish, "yard anomaly")
}

// nats is a command of NATS's own tool, as docs/alerts.md has it.
func TestPagesNATSCommands(t *testing.T) {
	nats := testenv.Installed(t, "bin/nats")
	url, kept, publish := serveAlert(t)
	run := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), nats, append([]string{"--server", url}, args...)...)
		cmd.Dir = t.TempDir()
		cmd.Env = append(os.Environ(), "HOME="+cmd.Dir, "XDG_CONFIG_HOME="+cmd.Dir)
		return cmd
	}
	runUntilPrinted(t, run("sub", "vigil.alerts.>"), publish, "vigil.alerts.yard.start")
	runUntilPrinted(t, run("sub", "--stream", "VIGIL_ALERTS", "--all", "vigil.alerts.>"), func() {}, kept.ID)
	get := run("object", "get", "VIGIL_EVIDENCE", kept.ID+"/clip-1412.mp4", "--output", "clip.mp4", "--no-progress")
	if out, err := get.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if data, err := os.ReadFile(filepath.Join(get.Dir, "clip.mp4")); err != nil || string(data) != "a clip" {
		t.Errorf("the clip is %q, %v", data, err)
	}
	for _, args := range [][]string{
		{"pub", "vigil.alerts.yard.start", "{}"},
		{"stream", "rm", "-f", "VIGIL_ALERTS"},
		{"stream", "purge", "-f", "VIGIL_ALERTS"},
		{"object", "put", "VIGIL_EVIDENCE", nats, "--no-progress"},
		{"kv", "add", "X"},
	} {
		if out, err := run(append([]string{"--timeout", "500ms"}, args...)...).CombinedOutput(); err == nil &&
			!strings.Contains(strings.ToLower(string(out)), "violation") {
			t.Errorf("%v: %s", args, out)
		}
	}
	code, out, errs := runAlerts(t.Context(), "--server", url, "--since", "24h", "--follow=false")
	if code != exitDone || strings.Count(out, "  start  ") < 1 || errs != "" {
		t.Errorf("vigil alerts: exit code %d, %q, %s", code, out, errs)
	}
	for _, args := range [][]string{
		{"list"},
		{"list", "--json"},
		{"show", "last"},
		{"show", kept.ID[:20]},
		{"export", kept.ID, t.TempDir()},
	} {
		if code, out, errs := runAlerts(t.Context(), append(args, "--server", url)...); code != exitDone || out == "" ||
			errs != "" {
			t.Errorf("vigil alerts %v: exit code %d, %q, %s", args, code, out, errs)
		}
	}
}

func keepText(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
