package main

import (
	"cmp"
	"fmt"

	"github.com/spf13/cobra"

	"vigil/app"
	"vigil/app/offline"
	"vigil/capture/source"
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
	f.StringVarP(&r.Model, "model", "m", "", "weights `file`")
	optional(f, &r.Hop, "hop", f.Int("hop", config.Default().Defaults.Hop, "frames from one clip to the next"))
}

// videoFlags are those that do not concern the scoring; keys says what the configuration is for.
func (r *recordings) videoFlags(cmd *cobra.Command, keys, cores string) {
	f := cmd.Flags()
	f.StringVar(&r.Camera, "camera", "", "`name` of the camera that the recordings are from")
	f.StringVarP(&r.ConfigFile, "config", "c", "", "configuration `file` that has the camera's "+keys)
	optional(f, &r.FPS, "fps", f.Float64("fps", 0, "frames a second that the model sees; 0 for every frame"))
	f.IntVar(&r.Options.Threads, "threads", 0, cores)
}

// open brings flags and configuration together; a flag that was given wins. Its errors are usage errors.
func (r *recordings) open(cmd *cobra.Command, args []string) error {
	sources, err := app.ReadSources(args, sourceOptions(cmd, cmp.Or(r.ConfigFile, config.DefaultFile),
		r.ConfigFile != ""))
	if err != nil {
		return app.Usage(err)
	}
	var addresses []source.Address
	for _, s := range sources {
		addresses = append(addresses, s.Address)
		if s.Camera == nil {
			continue
		}
		if r.Camera != "" && r.Camera != s.Camera.Name {
			return app.Usage(fmt.Errorf("%s and %s: are two cameras, must be one", r.Camera, s.Camera.Name))
		}
		r.Camera, r.ConfigFile = s.Camera.Name, cmp.Or(r.ConfigFile, config.DefaultFile)
	}
	if r.Recordings, err = offline.Open(addresses, r.Options); err != nil {
		return app.Usage(err)
	}
	return nil
}
