package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"vigil/app"

	"github.com/spf13/cobra"
)

type check struct {
	path             string
	offline, connect bool
}

func configCheckCommand() *cobra.Command {
	var k check
	c := &cobra.Command{
		Use:   "check",
		Short: "Find what 'vigil run' would refuse, and which servers would not take an alert",
		Long: "Reports everything that is wrong with the configuration file and the files it names (weights, " +
			"calibrations, certificates, recordings),\n" +
			"whether data_dir and the ports of the server inside vigil are free, and whether the NATS server, the " +
			"MQTT broker and the webhook would\n" +
			"take an alert; no alert is sent. With --connect each live camera must show a picture as well. With " +
			"--offline no server is asked, and\n" +
			"it does not matter whether a vigil runs already.\n\n" +
			"Exit codes: 2 for what is wrong in the file, in what it names or on this machine, 1 for a server or a " +
			"camera that does not answer.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if k.offline && k.connect {
				return usageError{errors.New("--offline and --connect: give one of them")}
			}
			return k.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	configFlag(c, &k.path)
	c.Flags().BoolVar(&k.offline, "offline", false,
		"check only the file and what it names: no servers, data_dir or ports")
	c.Flags().BoolVar(&k.connect, "connect", false, "also open each live camera")
	return c
}

func (k check) run(ctx context.Context, stdout io.Writer) error {
	n, err := app.Check(ctx, k.path, app.CheckOptions{Offline: k.offline, Connect: k.connect})
	if err != nil {
		return interrupted(ctx, err)
	}
	cameras := "cameras"
	if n == 1 {
		cameras = "camera"
	}
	_, err = fmt.Fprintf(stdout, "%s: %d %s, all right\n", k.path, n, cameras)
	return err
}
