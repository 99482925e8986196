package main

import (
	"embed"
	"encoding/json"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

// optionalFlag is a flag whose value stays nil where it is not given.
type optionalFlag[T any] struct {
	pflag.Value
	value *T // what Value sets
	to    **T
}

// Set sets the value.
func (f optionalFlag[T]) Set(s string) error {
	*f.to = f.value
	return f.Value.Set(s)
}

// optional leaves to nil where the flag of that name, which sets value, is not given.
func optional[T any](f *pflag.FlagSet, to **T, name string, value *T) {
	f.Lookup(name).Value = optionalFlag[T]{f.Lookup(name).Value, value, to}
}

//go:embed help
var helpFiles embed.FS

// help is the long help text of a command, from its file. It panics where there is none, in every run of the program.
func help(command string) string {
	text, err := helpFiles.ReadFile("help/" + command + ".txt")
	if err != nil {
		panic(err)
	}
	return strings.TrimSuffix(string(text), "\n")
}

// printer is a result that prints itself for people.
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
