package main

import (
	"io"
	"strings"
	"testing"
)

// A number on the command line is read as it is written, or refused.
func TestFlagsAreDecimal(t *testing.T) {
	for _, args := range []string{
		"train x.mkv -o y --seed 010", "calibrate x.mkv --hop 0x4", "replay x.mkv --threads 1_0",
		"train x.mkv --minutes 0x1p4",
		"train x.mkv --minutes inf", "replay x.mkv --fps 010",
	} {
		var errs strings.Builder
		if code := run(t.Context(), strings.Fields(args), io.Discard, &errs); code != exitUsage ||
			!strings.Contains(errs.String(), "must be a decimal number without leading zeros") {
			t.Errorf("%s: exit code %d: %s", args, code, errs.String())
		}
	}
	root := rootCommand()
	train, _, err := root.Find([]string{"train"})
	if err != nil {
		t.Fatal(err)
	}
	for name, number := range map[string]string{"seed": "10", "minutes": "0.5", "threads": "0", "lambda": "1e-3"} {
		if err := train.Flags().Set(name, number); err != nil {
			t.Errorf("--%s %s: %v", name, number, err)
		}
	}
}
