package main

import (
	"bytes"
	"context"
	"encoding/json"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vigil/bench"
)

// TestMain lets the test binary act as a peer that answers with VIGIL_BENCH_PEER.
func TestMain(m *testing.M) {
	script := os.Getenv("VIGIL_BENCH_PEER")
	if script == "" {
		os.Exit(m.Run())
	}
	for line := range strings.SplitSeq(script, "|") {
		if line == "die" {
			os.Stderr.WriteString("the peer has died\n")
			os.Exit(3)
		}
		os.Stdout.WriteString(line + "\n")
		if _, err := io.ReadFull(os.Stdin, make([]byte, len("forward 1\n"))); err != nil {
			os.Exit(0)
		}
	}
}

// peerOf starts a peer that answers with these lines.
func peerOf(t *testing.T, script string) (*peer, error) {
	t.Helper()
	return startPeer(t.Context(), "Other",
		command{argv: []string{os.Args[0]}, env: []string{"VIGIL_BENCH_PEER=" + script}})
}

func TestPeer(t *testing.T) {
	p, err := peerOf(t, `{"ready":true,"version":"7","tasks":["forward"],"score":0.5}|{"seconds":2.5}|nonsense|{}|die`)
	if err != nil {
		t.Fatal(err)
	}
	if h := p.hello; h.Version != "7" || len(h.Tasks) != 1 || h.Score != 0.5 {
		t.Errorf("%+v", h)
	}
	if took, err := p.run(forward, 1); took != 2.5 || err != nil {
		t.Errorf("%v, %v", took, err)
	}
	for _, want := range []string{`answered "nonsense"`, "expected seconds", "the peer has died"} {
		if _, err := p.run(forward, 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if err := p.close(); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("%v", err)
	}
}

func TestInvalidPeer(t *testing.T) {
	for script, want := range map[string]string{
		"die": "the peer has died", `{"ready":false}`: "did not report",
		"hello": `answered "hello"`,
	} {
		if _, err := peerOf(t, script); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", script, err, want)
		}
	}
	if _, err := startPeer(t.Context(), "Other",
		command{argv: []string{filepath.Join(t.TempDir(), "absent")}}); err == nil {
		t.Error("a program that does not exist was started")
	}
}

func TestCheckScore(t *testing.T) {
	for _, c := range []struct {
		theirs, ours float64
		want         bool
	}{{0.5, 0.5, true}, {0.50004, 0.5, true}, {0.51, 0.5, false}, {0, 0.5, true}} {
		if got := checkScore(c.theirs, c.ours) == nil; got != c.want {
			t.Errorf("%v and %v: %v", c.theirs, c.ours, got)
		}
	}
}

// TestPage runs everything without any peer, and with one reported missing.
func TestPage(t *testing.T) {
	dir := t.TempDir()
	o, err := parseFlags([]string{
		"-out", filepath.Join(dir, "PAGE.md"), "-plots", filepath.Join(dir, "plots"), "-samples",
		filepath.Join(dir, "r.json"),
		"-presets", "micro", "-alone", "micro", "-rounds", "2", "-threads", "2",
	})
	if err != nil {
		t.Fatal(err)
	}
	found := Comparison{Machine: describeMachine(t.Context())}
	yard := bench.NewPeakMeter(o.threads)
	none := &tools{absent: map[string]string{oneDNN: "nobody has installed it", pyTorch: "nor this"}}
	var log bytes.Buffer
	c, err := contestOnPreset(t.Context(), none, o, "micro", yard, &log)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range c.Series {
		if s.Name != "vigil" || len(s.Seconds) != 2 || len(s.NearbyPeak) != 2 || s.share(c.gflop(s.Task)) <= 0 {
			t.Errorf("%+v", s)
		}
	}
	other := Series{
		Name: "Other", Version: "9", Task: forward, Seconds: []float64{3, 1, 2},
		NearbyPeak: []float64{1, 1, 1},
	}
	c.Series = append(c.Series, other)
	found.Contests = append(found.Contests, c)
	if found.Alone, err = bench.Run(t.Context(), bench.Options{
		Presets: o.alone, Threads: 2, Rounds: 1,
		NoSteps: true,
	}); err != nil {
		t.Fatal(err)
	}
	if err := writeAll(o, &found); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(o.out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| Other | 9 | 2 | 1 to 3 |", "oneDNN did not take part: nobody", "preset micro", "(plots/compare.png)",
		"| 1.00 |",
	} {
		if !strings.Contains(string(page), want) {
			t.Errorf("%q is not in\n%s", want, page)
		}
	}
	for _, name := range []string{chartFile, rooflineFile} {
		picture, err := os.ReadFile(filepath.Join(o.plots, name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := png.Decode(bytes.NewReader(picture)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	again, err := readComparison(o.samples)
	if err != nil || again.Contests[0].Series[2].Seconds[0] != 3 {
		t.Fatalf("%+v, %v", again, err)
	}
	o.from, o.out = o.samples, filepath.Join(dir, "AGAIN.md")
	if err := run(t.Context(), o, &log); err != nil {
		t.Fatal(err)
	}
	if anew, err := os.ReadFile(o.out); err != nil || !bytes.Equal(anew, page) {
		t.Errorf("%v; from the file of figures the page is\n%s", err, anew)
	}
	if _, err := readComparison(filepath.Join(o.plots, chartFile)); err == nil {
		t.Error("a picture was read as figures")
	}
}

// TestInputs reads the files that the peers read.
func TestInputs(t *testing.T) {
	in, err := newInputs(t.TempDir(), "micro", 3, 1)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(in.path("config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var c config
	if err := json.Unmarshal(text, &c); err != nil || c.Threads != 3 || c.Side != 16 ||
		c.Channels != [4]int{3, 5, 8, 6} || c.Slots != 7 {
		t.Errorf("%+v, %v", c, err)
	}
	if raw, err := os.ReadFile(c.Clip); err != nil || len(raw) != 4*16*16*16 {
		t.Errorf("%d bytes, %v", len(raw), err)
	}
	layers, err := os.ReadFile(in.path("layers.txt"))
	if lines := strings.Split(strings.TrimSpace(string(layers)), "\n"); err != nil || len(lines) != 8 ||
		lines[0] != "0 1 3 16 16 1 0.2" || lines[7] != "1 3 1 16 8 1 1" {
		t.Errorf("%q, %v", layers, err)
	}
	everything := &tools{build: "b", python: "p", node: "n", native: "o"}
	var titles []string
	for _, command := range everything.commands(in) {
		titles = append(titles, command.title)
	}
	if got := strings.Join(titles, ", "); got != "PyTorch, PyTorch, memory kept, ONNX Runtime, oneDNN" {
		t.Error(got)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"-presets=huge", "known are paper"},
		{"-alone=paper,huge", "known are paper"},
		{"-rounds=0", "-rounds 0"},
		{"-threads=0", "-threads 0"},
		{"-threads=many", "invalid value"},
	} {
		if _, err := parseFlags([]string{c.args}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.args, err, c.want)
		}
	}
}

// TestUnpack expects the peers' sources to be embedded in the program.
func TestUnpack(t *testing.T) {
	dir := t.TempDir()
	if err := unpack(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"torch_bench.py", "ort_bench.cjs", "onednn_bench.cpp", "package.json"} {
		if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || len(text) == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if why := runBuild(context.Background(), dir, filepath.Join(dir, "absent")); why == "" {
		t.Error("a program that does not exist has built something")
	}
}
