package errcode

import (
	"fmt"
	"strings"
)

// maxHints is how many codes stand behind the error of a command.
const maxHints = 5

// String is the entry in lines.
func (e Entry) String() string {
	return fmt.Sprintf("%s: %s\n\ncause:  %s\nremedy: %s\n", e.Code, e.Title, e.Cause, e.Remedy)
}

// List is the catalogue, a code and its title on each line.
func List() string {
	width := 0
	for _, e := range table {
		width = max(width, len(e.Code))
	}
	var b strings.Builder
	for _, e := range table {
		fmt.Fprintf(&b, "%-*s  %s\n", width, e.Code, e.Title)
	}
	return b.String()
}

// Hints says in lines where the codes of a command's error are explained; "" where it has none.
func Hints(err error) string {
	var b strings.Builder
	all := All(err)
	for _, c := range all[:min(len(all), maxHints)] {
		fmt.Fprintf(&b, "code %s: vigil explain %s\n", c, c)
	}
	return b.String()
}
