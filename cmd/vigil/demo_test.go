//go:build cgo && gocv_videoio

package main

import (
	"strings"
	"testing"
)

func TestDemoRefuses(t *testing.T) {
	for want, args := range map[string][]string{
		"--for":               {"demo", "--for", "1s"},
		"none.safetensors":    {"demo", "-m", "none.safetensors"},
		"unknown command":     {"demon"},
		"for \"vigil demo\"":  {"demo", "x"},
		"invalid argument \"": {"demo", "--seed", "x"},
	} {
		code, _, errs := runVigil(t, args...)
		if code == exitDone || !strings.Contains(errs, want) {
			t.Errorf("%v: exit code %d, want %q:\n%s", args, code, want, errs)
		}
	}
}
