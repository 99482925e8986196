package offline

import (
	"context"
	"time"

	"vigil/app"
	"vigil/bench"
	"vigil/bench/cameras"
	"vigil/capture/source"
	"vigil/config"
	"vigil/pipeline"
)

// MeasureCameras measures how many cameras with the default settings this machine can monitor; each number is
// measured for so long.
func MeasureCameras(ctx context.Context, o bench.Options, seconds time.Duration) (cameras.Loads, error) {
	d := config.Default().Defaults
	return cameras.Measure(ctx, cameras.Options{
		Presets: o.Presets, Period: seconds, Seed: o.Seed, Progress: o.Progress,
		Hop: d.Hop, Keep: d.Footage.Keep, Memory: d.Footage.Memory << 20,
		RetryMin: d.Reconnect.Min, RetryMax: d.Reconnect.Max,
		Open: func(name string, address source.Address, side int, media *pipeline.MediaBuffer) func(context.Context,
			pipeline.OpenRequest) (pipeline.PictureSource, error) {
			return app.OpenWorker(config.Camera{Name: name, Source: address, Settings: d}, side, media)
		},
	})
}
