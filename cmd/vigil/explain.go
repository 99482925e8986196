package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"vigil/internal/errcode"
)

func explainCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "explain [code]",
		Short: "Explain the code of an error: its cause and its remedy",
		Long: "Explains a code that a log line, a failed command or a message has, such as camera.refused. Without a " +
			"code it lists all of them.\n" +
			"docs/errors.md says the same.",
		Example: "  vigil explain camera.refused\n  vigil explain --json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			entries := errcode.Entries()
			if len(args) == 1 {
				e, ok := errcode.Find(errcode.Code(args[0]))
				if !ok {
					return usageError{fmt.Errorf("%q is not a code; 'vigil explain' lists them", args[0])}
				}
				entries = []errcode.Entry{e}
			}
			switch {
			case asJSON && len(args) == 1:
				return printJSON(cmd.OutOrStdout(), entries[0])
			case asJSON:
				return printJSON(cmd.OutOrStdout(), entries)
			case len(args) == 1:
				return explain(cmd.OutOrStdout(), entries[0])
			}
			return listCodes(cmd.OutOrStdout(), entries)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON: one object for a code, else a list")
	return c
}

func explain(w io.Writer, e errcode.Entry) error {
	_, err := fmt.Fprintf(w, "%s: %s\n\ncause:  %s\nremedy: %s\n", e.Code, e.Title, e.Cause, e.Remedy)
	return err
}

func listCodes(w io.Writer, entries []errcode.Entry) error {
	width := 0
	for _, e := range entries {
		width = max(width, len(e.Code))
	}
	for _, e := range entries {
		if _, err := fmt.Fprintf(w, "%-*s  %s\n", width, e.Code, e.Title); err != nil {
			return err
		}
	}
	return nil
}

// maxCodes is how many codes stand behind the error of a command.
const maxCodes = 5

// printCodes prints the codes of a command's error, where it has any.
func printCodes(w io.Writer, err error) {
	all := errcode.All(err)
	for _, c := range all[:min(len(all), maxCodes)] {
		fmt.Fprintf(w, "code %s: vigil explain %s\n", c, c)
	}
}
