// Package cli gives a tree of cobra commands decimal numbers only, and one kind of error for a wrong number of
// arguments.
package cli

import (
	"errors"
	"fmt"
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

// DecimalFlags makes every number of c and the commands below it decimal.
func DecimalFlags(c *cobra.Command) {
	decimal := func(f *pflag.Flag) {
		numbers := []string{"int", "int64", "uint", "uint64", "float64"}
		if _, done := f.Value.(decimalFlag); !done && slices.Contains(numbers, f.Value.Type()) {
			f.Value = decimalFlag{f.Value}
		}
	}
	c.Flags().VisitAll(decimal)
	c.PersistentFlags().VisitAll(decimal)
	for _, sub := range c.Commands() {
		DecimalFlags(sub)
	}
}

// WrapArgs hands the errors of c and every command below it about a wrong number of arguments through wrap.
func WrapArgs(c *cobra.Command, wrap func(error) error) {
	if check := c.Args; check != nil {
		c.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return wrap(fmt.Errorf("%w (see '%s --help')", err, cmd.CommandPath()))
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		WrapArgs(sub, wrap)
	}
}
