// Package testenv finds what tests need besides Go: programs, real video, rights. In CI a test without them fails, so
// that nothing is skipped unnoticed; elsewhere it is skipped with the reason.
package testenv

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Missing ends the test: it fails in CI and is skipped elsewhere. The text names what is missing and how to get it.
func Missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// Tool returns the path of a program that the test runs. Debian installs servers in /usr/sbin, which is not on every
// PATH.
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

// Installed returns the path of a program or package folder that scripts/setup tests installs in the folder .tools of
// the project.
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

// Data returns the path of a file or folder of the real video in VIGIL_DATA.
func Data(t testing.TB, name string) string {
	t.Helper()
	root := os.Getenv("VIGIL_DATA")
	if root == "" {
		Missing(t, "VIGIL_DATA is not set: it names the folder with the real video")
	}
	return filepath.Join(root, name)
}
