package main

import (
	"github.com/spf13/cobra"

	"vigil/app/control"
)

func openCommand() *cobra.Command {
	var f controlFlags
	c := &cobra.Command{
		Use:   "open",
		Short: "Print an address that logs a browser in, once",
		Long: "Prints an address of the vigil that runs on this machine. It may be used once, within ten minutes, " +
			"and gives the\nrights to change things, so do not pass it on. It is asked for over the socket in data_dir, " +
			"which only the user that\nvigil runs as may open.",
		Example: "  vigil open\n  xdg-open \"$(vigil open -c vigil.yaml)\"",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.show(cmd, func(c *control.Client) (printer, error) { return c.OpenAddress(cmd.Context()) })
		},
	}
	f.add(c)
	return c
}
