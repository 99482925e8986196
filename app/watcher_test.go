package app

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"vigil/internal/alerttest"
	"vigil/internal/leaktest"
)

// TestWatcher replaces files in every way that editors and Kubernetes do.
func TestWatcher(t *testing.T) {
	write := func(t *testing.T, path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := func(t *testing.T, target, path string) {
		t.Helper()
		if err := os.Symlink(target, path+".new"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name          string
		make, replace func(t *testing.T, dir string)
		ignored       bool
	}{
		{
			"written in place", func(t *testing.T, dir string) { write(t, dir+"/vigil.yaml", "a") },
			func(t *testing.T, dir string) { write(t, dir+"/vigil.yaml", "b") }, false,
		},
		{
			"renamed onto", func(t *testing.T, dir string) { write(t, dir+"/vigil.yaml", "a") },
			func(t *testing.T, dir string) {
				write(t, dir+"/new", "b")
				if err := os.Rename(dir+"/new", dir+"/vigil.yaml"); err != nil {
					t.Fatal(err)
				}
			}, false,
		},
		{
			"removed", func(t *testing.T, dir string) { write(t, dir+"/vigil.yaml", "a") },
			func(t *testing.T, dir string) {
				if err := os.Remove(dir + "/vigil.yaml"); err != nil {
					t.Fatal(err)
				}
			}, false,
		},
		{
			"made later", func(*testing.T, string) {},
			func(t *testing.T, dir string) { write(t, dir+"/vigil.yaml", "a") }, false,
		},
		{"of Kubernetes", func(t *testing.T, dir string) {
			write(t, dir+"/..1/vigil.yaml", "a")
			write(t, dir+"/..2/vigil.yaml", "b")
			link(t, "..1", dir+"/..data")
			link(t, "..data/vigil.yaml", dir+"/vigil.yaml")
		}, func(t *testing.T, dir string) { link(t, "..2", dir+"/..data") }, false},
		{
			"made readable", func(t *testing.T, dir string) {
				write(t, dir+"/vigil.yaml", "a")
				if err := os.Chmod(dir+"/vigil.yaml", 0); err != nil {
					t.Fatal(err)
				}
			}, func(t *testing.T, dir string) {
				if err := os.Chmod(dir+"/vigil.yaml", 0o600); err != nil {
					t.Fatal(err)
				}
			}, false,
		},
		{
			"another file", func(t *testing.T, dir string) { write(t, dir+"/vigil.yaml", "a") },
			func(t *testing.T, dir string) { write(t, dir+"/vigil.log", "b") }, true,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			leaktest.None(t, func() {
				dir := t.TempDir()
				c.make(t, dir)
				w, err := newWatcher(slog.New(slog.DiscardHandler))
				if err != nil {
					t.Fatal(err)
				}
				defer w.close()
				w.watch([]string{dir + "/vigil.yaml"})
				c.replace(t, dir)
				limit := alerttest.LongWait
				if c.ignored {
					limit = 2 * settleTime
				}
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				defer cancel()
				began := time.Now()
				if _, got := w.next(ctx, nil, nil); got == c.ignored {
					t.Errorf("it is noticed: %v", got)
				} else if took := time.Since(began); got && took < settleTime/2 {
					t.Errorf("after %v: the file may not be whole yet", took)
				}
			})
		})
	}
}

// TestUnwatchedFolderIsLogged checks that a machine without watches is a warning, once for a folder, and a missing
// folder none.
func TestUnwatchedFolderIsLogged(t *testing.T) {
	var log alerttest.Log
	w := &watcher{log: slog.New(slog.NewTextHandler(&log, nil))}
	for _, folder := range []string{"/a", "/a", "/b"} {
		w.logUnwatched(folder, fmt.Errorf("%q: %w", folder, syscall.ENOSPC))
		w.logUnwatched("/missing", syscall.ENOENT)
	}
	if log.Count("level=WARN") != 2 || log.Count("code=config.reload") != 2 ||
		strings.Contains(log.String(), "missing") {
		t.Errorf("logged is\n%s", log.String())
	}
}
