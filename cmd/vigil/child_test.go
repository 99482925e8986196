package main

import (
	"os"
	"testing"

	"vigil/capture/child"
)

// A live camera is read by this same binary, which is the test's here.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == child.Argument {
		os.Exit(child.Main())
	}
	if len(os.Args) > 1 && os.Args[1] == "vigil" {
		os.Args = os.Args[1:]
		main()
	}
	os.Exit(m.Run())
}
