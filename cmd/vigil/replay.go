package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"vigil/alerts"
	"vigil/app/offline"
	"vigil/config"
	"vigil/internal/batch"
)

func replayCommand() *cobra.Command {
	var r recordings
	var o offline.ReplayOptions
	var nats string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "replay SOURCE... -m MODEL",
		Short: "Score recordings as fast as they decode, and publish their alerts",
		Long:  help("replay"),
		Example: "  vigil replay ped2/test/*.mkv -m weights/fast.safetensors --calibration ped2.json --scores " +
			"scores.csv",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			warnOfLogin(cmd.ErrOrStderr(), "--nats", nats, "")
			if err := r.open(cmd, args); err != nil {
				return err
			}
			if err := r.PrepareReplay(o); err != nil {
				return err
			}
			o.NATS = offline.NATSServer(nats)
			o.OnEvent = func(video string, a alerts.Alert) {
				if !asJSON {
					fmt.Fprintln(cmd.OutOrStdout(), batch.EventText(video, a))
				}
			}
			began := time.Now()
			results, err := r.Replay(cmd.Context(), o, cmd.ErrOrStderr())
			if results != nil && asJSON {
				err = errors.Join(results.PrintJSON(cmd.OutOrStdout(), time.Since(began)), err)
			} else if results != nil {
				err = errors.Join(results.Print(cmd.OutOrStdout(), time.Since(began)), err)
			}
			return interrupted(cmd.Context(), err)
		},
	}
	r.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.Calibration, "calibration", "",
		"calibration `file` that 'vigil calibrate' wrote: gives regularity and alerts")
	f.StringVar(&o.Scores, "scores", "",
		"write video,frame,error,regularity,motion,appearance,cause to this `file`, and events.csv beside it")
	f.BoolVar(&r.Realtime, "realtime", false, "play at the recordings' own pace")
	f.StringVar(&nats, "nats", "",
		"publish to the NATS server at this `url`, as $NATS_USER with $NATS_PASSWORD, not to an embedded one")
	f.BoolVar(&o.NoPublish, "no-publish", false, "publish nothing")
	f.StringVar(&o.DataDir, "data-dir", config.Default().DataDir, "`folder` of the embedded NATS server")
	f.BoolVar(&asJSON, "json", false, "print the summary as JSON")
	return cmd
}
