package main

import (
	"embed"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// decimalFlag is a number on the command line as people read it: the library would take 010 for 8 and 0x10 for 16.
type decimalFlag struct{ pflag.Value }

var decimalForm = regexp.MustCompile(`^[-+]?[0-9]*(\.[0-9]*)?([eE][-+]?[0-9]+)?$`)

// Set takes decimal numbers only, without leading zeros.
func (f decimalFlag) Set(s string) error {
	if !decimalForm.MatchString(s) || leadingZero.MatchString(s) {
		return errors.New("must be a decimal number without leading zeros")
	}
	return f.Value.Set(s)
}

var leadingZero = regexp.MustCompile(`^[-+]?0[0-9]`)

// decimalFlags makes every number of c and the commands below it decimal.
func decimalFlags(c *cobra.Command) {
	decimal := func(f *pflag.Flag) {
		numbers := []string{"int", "int64", "uint", "uint64", "float64"}
		if _, done := f.Value.(decimalFlag); !done && slices.Contains(numbers, f.Value.Type()) {
			f.Value = decimalFlag{f.Value}
		}
	}
	c.Flags().VisitAll(decimal)
	c.PersistentFlags().VisitAll(decimal)
	for _, sub := range c.Commands() {
		decimalFlags(sub)
	}
}

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
