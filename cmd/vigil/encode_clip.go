package main

import (
	"github.com/spf13/cobra"

	"vigil/alerts/evidence"
	"vigil/app"
)

func encodeClipCommand() *cobra.Command {
	return &cobra.Command{
		Use:    app.EncodeClipCommand + " FILE",
		Short:  "Encode a clip of the pictures on standard input",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return evidence.EncodeClip(cmd.InOrStdin(), args[0])
		},
	}
}
