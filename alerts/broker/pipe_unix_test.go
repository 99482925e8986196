//go:build unix

package broker

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A named pipe in place of a file is an error, not a wait that no signal ends.
func TestFilesAreRegular(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]DialOptions{
		"creds": {Creds: pipe}, "nkey": {NKey: pipe}, "ca": {TLS: TLS{CA: pipe}},
		"cert": {TLS: TLS{Cert: pipe, Key: pipe}},
	} {
		if err := o.Check(); err == nil || !strings.Contains(err.Error(), pipe+": this is a named pipe") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
