package main

import (
	"encoding/json"
	"io"
	"time"

	"github.com/spf13/cobra"

	"vigil/app"
	"vigil/internal/demo"
)

func demoCommand() *cobra.Command {
	var o demo.Options
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run the whole system on a drawn street, without a camera or data",
		Long:  help("demo"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Stdout, o.Stderr = cmd.OutOrStdout(), cmd.ErrOrStderr()
			if err := o.Check(); err != nil {
				return app.Usage(err)
			}
			if asJSON {
				o.Stdout = io.Discard
			}
			result, err := demo.Run(cmd.Context(), o)
			if err != nil || !asJSON {
				return interrupted(cmd.Context(), err)
			}
			return json.NewEncoder(cmd.OutOrStdout()).Encode(result)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.Weights, "model", "m", "", "weights `file` that was trained on the street")
	f.DurationVar(&o.Learn, "learn", time.Minute, "how long to train on the street")
	f.StringVarP(&o.Out, "out", "o", "demo", "`folder` for the pictures")
	f.Uint64Var(&o.Seed, "seed", 1, "seed of the drawn days")
	f.DurationVar(&o.Length, "for", 3*time.Minute, "length of the monitored video")
	f.BoolVar(&o.Realtime, "realtime", false, "play at the street's own pace, not as fast as it can be scored")
	f.BoolVar(&asJSON, "json", false, "print only the result, as JSON")
	return cmd
}
