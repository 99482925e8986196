// Command gen writes docs/errors.md from the catalogue. It runs in the folder of package errcode.
package main

import (
	"fmt"
	"os"

	"vigil/internal/errcode"
)

func main() {
	if err := os.WriteFile("../../docs/errors.md", []byte(errcode.Markdown()), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "errcode:", err)
		os.Exit(1)
	}
}
