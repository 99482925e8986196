package main

import (
	"errors"
	"regexp"
	"slices"

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

// given is a flag's value, nil where it was not given.
func given[T any](cmd *cobra.Command, flag string, value T) *T {
	if !cmd.Flags().Changed(flag) {
		return nil
	}
	return &value
}
