package main

import (
	"github.com/spf13/cobra"

	"vigil/api/client"
)

func openCommand() *cobra.Command {
	var f dirFlags
	c := &cobra.Command{
		Use:   "open",
		Short: "Print an address that logs a browser in, once",
		Long: "Prints an address of the vigil that runs on this machine. It may be used once, within ten minutes, " +
			"and gives the\nrights to change things, so do not pass it on. It is asked for over the socket in " +
			"data_dir, " +
			"which only the user that\nvigil runs as may open.",
		Example: "  vigil open\n  vigil open -c vigil.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.client()
			if err != nil {
				return err
			}
			return showAnswer(cmd, c, f.json, func(c *client.Client) (printer, error) {
				o, err := c.OpenAddress(cmd.Context())
				return openedView(o), err
			})
		},
	}
	f.add(c)
	return c
}
