package main

import (
	"github.com/spf13/cobra"

	"vigil/app/offline"
	"vigil/config"
)

// recordings are the flags of the commands that take recordings.
type recordings struct {
	offline.Options
	*offline.Recordings
}

func (r *recordings) flags(cmd *cobra.Command) {
	r.videoFlags(cmd, "model, mask, zones, fps and hop", "processor cores for the model; 0 for all")
	f := cmd.Flags()
	f.StringVarP(&r.Model, "model", "m", "",
		"weights `file`, or base, base-street or base-street-fast, which come with vigil")
	optional(f, &r.Hop, "hop", f.Int("hop", config.Default().Defaults.Hop,
		"frames from the start of one clip to that of the next"))
}

// videoFlags adds the flags that do not concern scoring; keys names the keys read from the configuration.
func (r *recordings) videoFlags(cmd *cobra.Command, keys, cores string) {
	f := cmd.Flags()
	f.StringVar(&r.Camera, "camera", "", "`name` of the camera that the recordings are from")
	f.StringVarP(&r.ConfigFile, "config", "c", "", "configuration `file` that has the camera's "+keys)
	completeConfigured(cmd, &r.ConfigFile)
	optional(f, &r.FPS, "fps", f.Float64("fps", 0,
		"frames a second that the model sees, 0 for every frame; by default those of the calibration or the weights, "+
			"10 "+
			"for new ones"))
	f.IntVar(&r.Options.Threads, "threads", 0, cores)
}

// open brings arguments, flags and configuration together; a flag that was given wins. Its errors are usage errors.
func (r *recordings) open(cmd *cobra.Command, args []string) (err error) {
	r.Recordings, err = offline.Open(args, sourceOptions(cmd, r.ConfigFile, r.ConfigFile != ""), r.Options)
	return err
}
