package main

import (
	"cmp"
	"fmt"

	"github.com/spf13/cobra"

	"vigil/app/offline"
	"vigil/capture/source"
	"vigil/config"
)

// recordings are the flags of the commands that take recordings.
type recordings struct {
	offline.Options
	*offline.Recordings
	fps float64
	hop int
}

func (r *recordings) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&r.Model, "model", "m", "", "weights `file`")
	f.StringVar(&r.Camera, "camera", "", "`name` of the camera that the recordings are from")
	f.StringVarP(&r.ConfigFile, "config", "c", "",
		"configuration `file` that has the camera's model, mask, zones, fps and hop")
	f.Float64Var(&r.fps, "fps", 0, "frames a second that the model sees; 0 for every frame")
	f.IntVar(&r.hop, "hop", config.Default().Defaults.Hop, "frames from one clip to the next")
	f.IntVar(&r.Options.Threads, "threads", 0, "processor cores for the model; 0 for all")
}

// open brings flags and configuration together; a flag that was given wins. Its errors are about usage.
func (r *recordings) open(cmd *cobra.Command, args []string) error {
	sources, err := readSources(cmd, args, cmp.Or(r.ConfigFile, config.DefaultFile), r.ConfigFile != "")
	if err != nil {
		return err
	}
	var addresses []source.Address
	for _, s := range sources {
		addresses = append(addresses, s.Address)
		if s.Camera == nil {
			continue
		}
		if r.Camera != "" && r.Camera != s.Camera.Name {
			return fmt.Errorf("%s and %s: are two cameras, must be one", r.Camera, s.Camera.Name)
		}
		r.Camera, r.ConfigFile = s.Camera.Name, cmp.Or(r.ConfigFile, config.DefaultFile)
	}
	r.FPS, r.Hop = given(cmd, "fps", r.fps), given(cmd, "hop", r.hop)
	r.Recordings, err = offline.Open(addresses, r.Options)
	return err
}
