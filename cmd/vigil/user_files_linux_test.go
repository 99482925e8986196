//go:build linux && cgo && gocv_videoio

package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"vigil/internal/alerttest"
	"vigil/internal/natstest"
)

// digests gives what is in a folder, file by file.
func digests(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if e.Type()&fs.ModeSymlink != 0 {
			to, err := os.Readlink(path)
			all[path] = "link to " + to
			return err
		}
		if !e.Type().IsRegular() {
			all[path] = e.Type().String()
			return nil
		}
		text, err := os.ReadFile(path)
		all[path] = fmt.Sprintf("%x", sha256.Sum256(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// writeUsersFiles fills a folder with files of a user, whose names are those that vigil uses or used.
func writeUsersFiles(t *testing.T, dir string, names ...string) map[string]string {
	t.Helper()
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("the user's "+name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return digests(t, dir)
}

func checkUnchanged(t *testing.T, dir string, before map[string]string) {
	t.Helper()
	after := digests(t, dir)
	for path, digest := range before {
		if after[path] != digest {
			t.Errorf("%s was %s and is %q", path, digest, after[path])
		}
	}
}

// usersFiles have every name that vigil gives or gave to something in a data directory, where a user's own does not
// keep it from starting.
var usersFiles = []string{
	"clips/holiday.mp4", "clips/2026/a.mkv", "clips/clip.mp4", "clip.mp4", ".vigil-clip-123/clip.mp4",
	".vigil-clip-x/a", "a.tmp", ".id-1", ".mqtt.json123",
	"reserve", ".reserve-1", "vigil.sock", "vigil.lock", "jetstream/meta.inf", "evidence/a.jpg", "calibration.json",
	"gate.json", "scores.csv.123", "weights.safetensors.checkpoint1",
	"gate-20260101T000000Z.mkv", "gate-20260101T000000Z.mkv.part", "gate-20260102T000000Z.mkv.part/x", "events.csv",
	"index.html", "alert-1.png", "street.safetensors",
	"street.safetensors.checkpoint", ".probe-1", "vigil.yaml.bak", "demo/alert-1.png", "demo/.vigil-files",
	"report/index.html", "report/scores.csv", "videos.part-1/test/a.png",
}

// A data directory may be a folder that a user has other things in: whatever vigil does there, is killed in or
// refuses, they stay.
func TestUserFilesStay(t *testing.T) {
	dir := t.TempDir()
	before := writeUsersFiles(t, dir, usersFiles...)
	weights, video := tinyWeights(t), filepath.Join(t.TempDir(), "street.avi")
	drawVideo(t, video, 64, 48, 60)
	file := filepath.Join(t.TempDir(), "vigil.yaml")
	text := fmt.Sprintf(`
data_dir: %s
model: %s
nats: {embedded: {port: %d}}
mqtt: {url: "tcp://127.0.0.1:1"}
evidence: {before: 1s, after: 0s}
cameras:
  - name: gate
    source: %s
    realtime: false
    threshold: {lo: 0.000001, theta: 0.00001}
`, dir, weights, natstest.FreePort(t), video)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, args := range [][]string{
		{"run", "-c", file},
		{"replay", video, "-m", weights, "--data-dir", dir, "--scores", at("new-scores.csv")},
		{"train", video, "-o", at("street.safetensors"), "--preset", "micro", "--epochs", "1"},
		{"train", video, "-o", at("weights.safetensors"), "--preset", "micro", "--epochs", "1"},
		{"calibrate", video, "-m", weights, "--camera", "gate", "-o", at("new.json")},
		{"pseudo", video, "-o", at("videos")},
		{"demo", "-o", at("demo"), "--learn", "5s", "--for", "10s"},
		{"demo", "-o", dir, "--learn", "5s", "--for", "10s"},
		{"config", "init", "-o", at("vigil.yaml.bak")},
		{"model", "export", weights, "-o", at("new.pt")},
	} {
		t.Run(args[0]+" "+filepath.Base(args[len(args)-1]), func(t *testing.T) {
			code, _, stderr := runVigil(t, args...)
			t.Logf("exit code %d\n%s", code, stderr)
			checkUnchanged(t, dir, before)
		})
	}
	// Killed at some moment, and started again.
	for _, after := range []time.Duration{100 * time.Millisecond, 500 * time.Millisecond, time.Second} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "vigil", "run", "-c", file)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		select {
		case <-done:
		case <-time.After(after):
			_ = cmd.Process.Kill() // it may have ended meanwhile
			<-done
		}
		checkUnchanged(t, dir, before)
	}
}

// Where a user's file or folder has a name that vigil cannot do without, it is refused by that name and stays.
func TestUserFileInTheWay(t *testing.T) {
	weights, video := tinyWeights(t), filepath.Join(t.TempDir(), "street.avi")
	drawVideo(t, video, 64, 48, 60)
	for _, c := range []struct{ name, want string }{
		{"nats/notes.txt", "vigil did not make this folder"},
		{"nats/jetstream/$G/streams/mine/meta.inf", "vigil did not make this folder"},
		{"nats", "nats"},
		{"id", "hexadecimal"},
	} {
		dir := t.TempDir()
		before := writeUsersFiles(t, dir, c.name)
		file := filepath.Join(t.TempDir(), "vigil.yaml")
		text := fmt.Sprintf(
			"data_dir: %s\nmodel: %s\nnats: {embedded: {port: %d}}\nmqtt: {url: \"tcp://127.0.0.1:1\"}\n"+
				"cameras: [{name: gate, source: %s, realtime: false, threshold: {lo: 0.001, theta: 0.01}}]\n",
			dir, weights,
			natstest.FreePort(t), video)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, stderr := runVigil(t, "run", "-c", file)
		if !strings.Contains(stderr, c.want) {
			t.Errorf("%s: want %q in\n%s", c.name, c.want, stderr)
		}
		checkUnchanged(t, dir, before)
	}
	dir := t.TempDir()
	before := writeUsersFiles(t, dir, "events.csv")
	if code, _, stderr := runVigil(t, "replay", video, "-m", weights, "--no-publish", "--scores",
		filepath.Join(dir, "scores.csv")); code != exitFailed ||
		!strings.Contains(stderr, "events.csv exists already") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	checkUnchanged(t, dir, before)
}

// What -o names and is no regular file is written to, by every command that has such a flag, and is what it was
// afterwards.
func TestOutputsToNonRegularFiles(t *testing.T) {
	dir := t.TempDir()
	weights, video := tinyWeights(t), filepath.Join(dir, "street.avi")
	drawVideo(t, video, 64, 48, 60)
	pipe, link := filepath.Join(dir, "pipe"), filepath.Join(dir, "null")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(os.DevNull, link); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string // OUT stands for the output
		want string   // that the pipe begins with
	}{
		{[]string{"calibrate", video, "-m", weights, "--camera", "gate", "-o", "OUT"}, "{"},
		{
			[]string{"replay", video, "-m", weights, "--no-publish", "--scores", "OUT"},
			"video,frame,error,regularity,motion,appearance,cause\n",
		},
		{[]string{"model", "export", weights, "-o", "OUT"}, "PK"},
		{[]string{"model", "import", "testdata/oracle-tiny.pt", "-o", "OUT"}, ""},
		{[]string{"config", "init", "-o", "OUT"}, "#"},
		{[]string{"train", video, "-o", "OUT", "--preset", "micro", "--epochs", "1"}, ""},
		{[]string{"detect", "../../pipeline/detect/testdata/held.txt", "-o", "OUT"}, "video,start_frame,"},
	} {
		for _, out := range []string{pipe, link} {
			t.Run(c.args[0]+" "+filepath.Base(out), func(t *testing.T) {
				read := make(chan string, 1)
				if out == pipe {
					go func() {
						f, err := os.Open(out)
						if err != nil {
							read <- err.Error()
							return
						}
						defer func() { _ = f.Close() }()
						text, _ := io.ReadAll(f)
						read <- string(text)
					}()
				}
				args := strings.Split(strings.ReplaceAll(strings.Join(c.args, "\x00"), "OUT", out), "\x00")
				code, _, stderr := runVigil(t, args...)
				if code != exitDone {
					t.Errorf("exit code %d\n%s", code, stderr)
				}
				if out == pipe {
					if code != exitDone { // let the reader go
						f, err := os.OpenFile(out, os.O_RDWR, 0)
						if err != nil {
							t.Fatal(err)
						}
						_ = f.Close()
					}
					if text := <-read; len(text) == 0 || !strings.HasPrefix(text, c.want) {
						t.Errorf("the pipe had %d bytes, %.20q", len(text), text)
					}
				}
				for path, want := range map[string]fs.FileMode{pipe: fs.ModeNamedPipe, link: fs.ModeSymlink} {
					if info, err := os.Lstat(path); err != nil || info.Mode().Type() != want {
						t.Errorf("%s is %v, %v", path, info, err)
					}
				}
			})
		}
	}
}

// A batch command that hangs, here in opening a pipe that nobody reads, ends within seconds of a signal, and leaves
// nothing behind.
func TestSignalEndsHungCommand(t *testing.T) {
	dir := t.TempDir()
	weights, pipe := tinyWeights(t), filepath.Join(dir, "pipe.pt")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*endLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "vigil", "model", "export", weights, "-o", pipe)
	var stderr alerttest.Log
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// It handles signals from its first moments on; before that it ends at once, which is as well.
	time.AfterFunc(time.Second, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
	err := cmd.Wait()
	if ctx.Err() != nil || cmd.ProcessState.ExitCode() == exitDone {
		t.Errorf("%v, %v\n%s", ctx.Err(), err, stderr.String())
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// Names of files do not steer the terminal, and are no formulas in tables.
func TestControlCharactersInNames(t *testing.T) {
	dir := t.TempDir()
	weights := tinyWeights(t)
	name := "=cmd\u202e.avi"
	video := filepath.Join(dir, name)
	drawVideo(t, filepath.Join(dir, "x.avi"), 64, 48, 60)
	if err := os.Rename(filepath.Join(dir, "x.avi"), video); err != nil {
		t.Fatal(err)
	}
	scores := filepath.Join(dir, "scores.csv")
	code, out, errs := runVigil(t, "replay", video, filepath.Join(dir, "missing\u009b2J\u202e.avi"), "-m", weights,
		"--no-publish", "--scores", scores)
	if code == exitDone {
		t.Error("no error, although a recording is missing")
	}
	for what, text := range map[string]string{"standard output": out, "standard error": errs} {
		if strings.ContainsAny(text, "\x1b\u009b\u202e") {
			t.Errorf("%s steers the terminal: %q", what, text)
		}
	}
	rows := readCSV(t, scores)
	if len(rows) < 2 || rows[1][0] != `'=cmd\u202e.avi` || strings.HasPrefix(rows[1][2], "'") {
		t.Errorf("rows %q", rows[:min(2, len(rows))])
	}
}
