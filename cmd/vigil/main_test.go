package main

import (
	"context"
	"os"
	"testing"

	"vigil/app"
	"vigil/pipeline/worker"
)

// A live camera is read, and a clip is made, by this same binary, which is the test's here.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == worker.Argument {
		os.Exit(worker.Main())
	}
	if len(os.Args) > 1 && os.Args[1] == "vigil" {
		os.Args = os.Args[1:]
		main()
	}
	if len(os.Args) == 3 && os.Args[1] == app.EncodeClipCommand {
		os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}
