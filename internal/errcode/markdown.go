package errcode

import (
	"fmt"
	"strings"
)

//go:generate go run ./gen

// Markdown is docs/errors.md.
func Markdown() string {
	var b strings.Builder
	b.WriteString("# Errors\n\nMade by `go generate ./internal/errcode` from the catalogue in `internal/errcode/table.go`.\n\n" +
		"Each error that asks for a person has a code. It stands in the attribute `code` of a log line, behind the error of a command,\n" +
		"and in `code` of `vigil.status.<camera>` and `vigil.storage`. Codes never change their meaning. `vigil explain CODE` prints\n" +
		"what stands here, `vigil explain` the list, both with `--json` for programs.\n")
	group := ""
	for _, e := range table {
		name, _, _ := strings.Cut(string(e.Code), ".")
		if name != group {
			group = name
			fmt.Fprintf(&b, "\n## %s\n", strings.ToUpper(name[:1])+name[1:])
		}
		fmt.Fprintf(&b, "\n<a id=\"%s\"></a>\n### %s\n\n%s\n\n**Cause.** %s\n\n**Remedy.** %s\n", e.Code, e.Code, e.Title+".",
			e.Cause, e.Remedy)
	}
	return b.String()
}
