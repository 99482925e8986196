package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"vigil/app"
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
			out := cmd.OutOrStdout()
			if len(args) == 0 {
				if asJSON {
					return printJSON(out, errcode.Entries())
				}
				_, err := fmt.Fprint(out, errcode.List())
				return err
			}
			entry, ok := errcode.Find(errcode.Code(args[0]))
			if !ok {
				return app.Usage(fmt.Errorf("%q is not a code; 'vigil explain' lists them", args[0]))
			}
			if asJSON {
				return printJSON(out, entry)
			}
			_, err := fmt.Fprint(out, entry)
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON: one object for a code, else a list")
	return c
}
