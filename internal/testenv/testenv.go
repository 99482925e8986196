// Package testenv looks for what tests need beside Go: programs, real video, rights. Where CI is set a test fails for
// want of them, so that nothing is left out unseen; elsewhere it is skipped and says why.
package testenv

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Missing ends the test: it fails where CI is set and is skipped elsewhere. The text says what is missing and how to
// get it.
func Missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// Tool is the path of a program that the test runs. Debian puts servers into /usr/sbin, which is not on every PATH.
func Tool(t testing.TB, name string) string {
	t.Helper()
	for _, at := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(at); err == nil {
			return path
		}
	}
	Missing(t, "%s is missing: scripts/setup tests installs it", name)
	return ""
}

// Installed is what scripts/setup tests puts into the folder .tools of the project: a program, or a folder of packages.
func Installed(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		path := filepath.Join(dir, ".tools", name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
	}
	Missing(t, ".tools/%s is missing: scripts/setup tests installs it", name)
	return ""
}

// Data is a file or folder of the real video that VIGIL_DATA names.
func Data(t testing.TB, name string) string {
	t.Helper()
	root := os.Getenv("VIGIL_DATA")
	if root == "" {
		Missing(t, "VIGIL_DATA is not set: it names the folder with the real video")
	}
	return filepath.Join(root, name)
}
