package main

import (
	"github.com/spf13/cobra"

	"vigil/app"
	"vigil/config"
)

func recordCommand() *cobra.Command {
	o := app.RecordOptions{ForceExit: forceExit}
	var file string
	cmd := &cobra.Command{
		Use:   "record CAMERA -o DIR",
		Short: "Record a live camera without re-encoding, for training and calibration",
		Long:  help("record"),
		Example: "  vigil record gate --for 3h -o normal\n" +
			"  cat url.txt | vigil record - --for 1h -o normal",
		Args: cobra.ExactArgs(1),

		ValidArgsFunction: completeSources(&file),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.Check(); err != nil {
				return err
			}
			camera, err := app.RecordedCamera(args[0], sourceOptions(cmd, file, cmd.Flags().Changed("config")))
			if err != nil {
				return err
			}
			return app.Record(cmd.Context(), camera, o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVarP(&file, "config", "c", config.DefaultFile, "configuration `file` that has the camera")
	f.StringVarP(&o.Dir, "out", "o", "", "`folder` for the recordings")
	f.DurationVar(&o.Length, "for", 0, "how long to record; 0 until stopped")
	f.DurationVar(&o.Segment, "segment", app.DefaultSegment, "length of a file, which ends before the next key frame")
	f.StringVar(&o.Transport, "transport", "",
		"RTSP transport, tcp or udp, instead of the configuration's")
	return cmd
}
