//go:build unix

package output

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A file that is not regular is written to directly, and keeps its type.
func TestWriteThrough(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(pipe, link); err != nil {
		t.Fatal(err)
	}
	null := filepath.Join(dir, "null")
	if err := os.Symlink("/dev/null", null); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, link, null, "/dev/null"} {
		t.Run(filepath.Base(path), func(t *testing.T) {
			before, err := os.Lstat(path)
			if err != nil {
				t.Fatal(err)
			}
			read := make(chan string, 1)
			if filepath.Base(path) == "pipe" || filepath.Base(path) == "link" {
				go func() {
					f, err := os.Open(path)
					if err != nil {
						read <- err.Error()
						return
					}
					defer func() { _ = f.Close() }()
					text, _ := io.ReadAll(f)
					read <- string(text)
				}()
			} else {
				read <- "text"
			}
			if err := Check(path); err != nil {
				t.Error(err)
			}
			if err := Write(path, []byte("text"), 0o644); err != nil {
				t.Error(err)
			}
			if got := <-read; got != "text" {
				t.Errorf("the other side read %q", got)
			}
			after, err := os.Lstat(path)
			if err != nil || !os.SameFile(before, after) || before.Mode() != after.Mode() {
				t.Errorf("it was %v and is %v, %v", before, after, err)
			}
		})
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 3 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// The name of an open file descriptor means that file, at its current offset.
func TestWriteToADescriptor(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.WriteString("before "); err != nil {
		t.Fatal(err)
	}
	path := "/dev/fd/" + strconv.Itoa(int(f.Fd()))
	if !Through(path) {
		t.Errorf("%s would be replaced", path)
	}
	if err := Write(path, []byte("after"), 0o644); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(f.Name()); err != nil || string(text) != "before after" {
		t.Errorf("%q, %v", text, err)
	}
	for path, want := range map[string]bool{
		"/dev/stdout": true, "/dev/../dev/stderr": true, "/proc/self/fd/1": true,
		"/dev/fd/x": false, "out": false,
	} {
		if Through(path) != want {
			t.Errorf("%s: written through: %v", path, !want)
		}
	}
}

func TestLinkIsKept(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := os.WriteFile(file, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("file", link); err != nil {
		t.Fatal(err)
	}
	if err := Write(link, []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "new" {
		t.Errorf("the file has %q, %v", text, err)
	}
	if to, err := os.Readlink(link); err != nil || to != "file" {
		t.Errorf("the link leads to %q, %v", to, err)
	}
}

func TestAbandon(t *testing.T) {
	dir := t.TempDir()
	f, err := Create(filepath.Join(dir, "file"), 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("half")); err != nil {
		t.Fatal(err)
	}
	Abandon()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	_ = f.Discard() // the file it would delete no longer exists
}

func TestFolderReplacesItsOwnOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "report")
	first, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Write("index.html", []byte("one")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "scores.csv"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Write("index.html", []byte("two")); err != nil {
		t.Error(err)
	}
	if err := again.Write("scores.csv", []byte("ours")); err == nil ||
		!strings.Contains(err.Error(), "scores.csv exists already") {
		t.Errorf("error %v", err)
	}
	for name, want := range map[string]string{"index.html": "two", "scores.csv": "mine"} {
		if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(text) != want {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, list), []byte("my list"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenFolder(dir); err == nil {
		t.Error("a foreign list is taken for vigil's")
	}
}
