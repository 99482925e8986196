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
		Short: "Watch a street that vigil draws itself: no camera, no data, one command",
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
	f.StringVarP(&o.Weights, "model", "m", "", "weights `file` that have learned the street already")
	f.DurationVar(&o.Learn, "learn", time.Minute, "how long to learn the street")
	f.StringVarP(&o.Out, "out", "o", "demo", "`folder` for the pictures")
	f.Uint64Var(&o.Seed, "seed", 1, "which days are drawn")
	f.DurationVar(&o.Length, "for", 3*time.Minute, "how much of the street to watch, in its own time")
	f.BoolVar(&o.Realtime, "realtime", false, "watch at the street's own pace, not as fast as it can be scored")
	f.BoolVar(&asJSON, "json", false, "print only the result, as JSON")
	return cmd
}
