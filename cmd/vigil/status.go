package main

import (
	"github.com/spf13/cobra"

	"vigil/api/client"
)

func statusCommand() *cobra.Command {
	var f controlFlags
	c := &cobra.Command{
		Use:   "status",
		Short: "Show the cameras, sinks and store of the vigil that runs",
		Long: "Shows the state of every camera of the vigil that runs on this machine, its switches, its sinks and " +
			"its store.\n\n" + askedHelp,
		Example: "  vigil status\n  vigil status -c /etc/vigil/vigil.yaml --json\n  vigil status --server " +
			"https://vigil.example:8443 --token-file token.txt",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.show(cmd, func(c *client.Client) (printer, error) {
				s, err := c.Status(cmd.Context())
				return statusView(s), err
			})
		},
	}
	f.add(c)
	return c
}

// askedHelp is the help text of every command that asks a vigil over its API.
const askedHelp = "It asks over the socket in data_dir, which only the user that vigil runs as may open. With " +
	"--server or\n$VIGIL_SERVER it asks a vigil elsewhere, at its http.listen, with a token of 'vigil token add' " +
	"there: " +
	"from\n--token-file or $VIGIL_TOKEN, and never on the command line, where every user of the machine can read it."
