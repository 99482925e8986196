//go:build cgo && gocv_videoio

package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"vigil/internal/docs"
)

// The outputs that pages quote are what the program prints, but for those that depend on the machine. Scoring whole
// data sets takes longer than a test should, so that is for VIGIL_LONG, and for make docs.
func TestPagesOutputs(t *testing.T) {
	data := realData(t)
	self, err := filepath.Abs(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	bin, dir := t.TempDir(), t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\nexec %s vigil \"$@\"\n", self)
	if err := os.WriteFile(filepath.Join(bin, "vigil"), []byte(script),
		0o700); err != nil { //nolint:gosec // It is run.
		t.Fatal(err)
	}
	compared := 0
	eachPage(t, func(t *testing.T, root string, p docs.Page) {
		if _, err := os.Stat(filepath.Join(dir, "ped2")); err != nil {
			if err := docs.PrepareDir(dir, root, data); err != nil {
				t.Fatal(err)
			}
		}
		for _, o := range p.Outputs() {
			takesLong := func(part string) bool { return strings.HasPrefix(o.Command, part) }
			if o.Measured || os.Getenv("VIGIL_LONG") == "" &&
				slices.ContainsFunc([]string{"vigil eval", "vigil replay ped2/test/*", "vigil demo"}, takesLong) {
				continue
			}
			out, err := docs.Run(t.Context(), dir, bin, o.Command)
			if err != nil {
				t.Errorf("%s: %v", o.Command, err)
			}
			compareOutput(t, o, out)
			compared++
		}
	})
	if compared < 3 {
		t.Errorf("%d outputs were compared", compared)
	}
}

// compareOutput looks for differences beyond what instruction sets round differently and how long something took.
func compareOutput(t *testing.T, o docs.Output, out string) {
	t.Helper()
	got, want := strings.Split(strings.TrimSpace(out), "\n"), strings.Split(strings.TrimSpace(o.Text), "\n")
	if len(got) != len(want) {
		t.Errorf("%s: %d lines are printed, the page has %d:\n%s", o.Command, len(got), len(want), out)
		return
	}
	for i := range want {
		cut := func(line string) []string {
			if at := strings.Index(line, " events in "); at >= 0 {
				line = line[:at]
			}
			return strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" ,;()", r) })
		}
		if !slices.EqualFunc(cut(got[i]), cut(want[i]), sameWord) {
			t.Errorf("%s:\nprinted  %s\nthe page %s", o.Command, got[i], want[i])
		}
	}
}

// sameWord says whether two words are the same, or numbers that differ by a thousandth at most.
func sameWord(a, b string) bool {
	x, err1 := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	return a == b || err1 == nil && err2 == nil && math.Abs(x-y) <= 1e-3*math.Abs(y)
}
