package main

import (
	"embed"
	"encoding/json"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

// optionalFlag is a flag whose value is nil if it is not given.
type optionalFlag[T any] struct {
	pflag.Value
	value *T // set by Value
	to    **T
}

// Set sets the value.
func (f optionalFlag[T]) Set(s string) error {
	*f.to = f.value
	return f.Value.Set(s)
}

// optional sets to only if the flag of that name, which sets value, is given.
func optional[T any](f *pflag.FlagSet, to **T, name string, value *T) {
	f.Lookup(name).Value = optionalFlag[T]{f.Lookup(name).Value, value, to}
}

//go:embed help
var helpFiles embed.FS

// help returns the long help text of a command from its file. Without the file every run of the program panics.
func help(command string) string {
	text, err := helpFiles.ReadFile("help/" + command + ".txt")
	if err != nil {
		panic(err)
	}
	return strings.TrimSuffix(string(text), "\n")
}

// printer is a result with a form for people.
type printer interface{ Print(out io.Writer) error }

// show prints a result, or its JSON.
func show(w io.Writer, asJSON bool, result printer) error {
	if asJSON {
		return printJSON(w, result)
	}
	return result.Print(w)
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
