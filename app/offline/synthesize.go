package offline

import (
	"context"
	"fmt"
	"io"

	"vigil/app"
	"vigil/capture"
	"vigil/capture/source"
	"vigil/config"
	"vigil/internal/batch"
	"vigil/internal/names"
)

// Synthesize makes a labelled data set of recordings, each given by its address. Warnings go to w.
func Synthesize(ctx context.Context, recordings []string, o batch.SynthesizeOptions, w io.Writer) (
	made batch.Synthesized, err error,
) {
	if err := o.Check(); err != nil {
		return made, app.Usage(err)
	}
	r, err := normalRecordings(recordings)
	if err != nil {
		return made, app.Usage(err)
	}
	if made, err = r.Synthesize(ctx, o); err != nil {
		return made, err
	}
	batch.WarnLeftOut(w, made.Bad)
	if made.Videos == 0 {
		return made, fmt.Errorf(
			"no video could be made from %d recordings: they are too short, or nothing moves in them", len(r.All))
	}
	return made, nil
}

// MakeKinds makes a labelled data set of kinds of events. Warnings go to w.
func MakeKinds(ctx context.Context, recordings []string, o batch.KindsOptions, w io.Writer) (made batch.MadeKinds,
	err error,
) {
	if err := o.Check(); err != nil {
		return made, app.Usage(err)
	}
	r, err := normalRecordings(recordings)
	if err != nil {
		return made, app.Usage(err)
	}
	if made, err = r.MakeKinds(ctx, o); err != nil {
		return made, err
	}
	batch.WarnLeftOut(w, made.Bad)
	for _, err := range made.Missing {
		fmt.Fprintf(w, "warning: could not be made: %v\n", err)
	}
	return made, nil
}

// normalRecordings returns recordings with different names, from which file names are made.
func normalRecordings(addresses []string) (*batch.Recordings, error) {
	sources, err := parseRecordings(addresses)
	if err != nil {
		return nil, err
	}
	r := &batch.Recordings{
		Options: func() (capture.Options, error) { return app.OpenOptions(config.Default().Defaults) },
	}
	for n, name := range names.Files(sources) {
		for _, other := range r.All {
			if other.Source == sources[n] || other.Name == name {
				return nil, fmt.Errorf("%s and %s: two recordings with the name %s; use them in separate runs",
					other.Source, sources[n], other.Name)
			}
		}
		r.All = append(r.All, batch.Recording{Source: sources[n], Name: name})
	}
	return r, nil
}

func parseRecordings(addresses []string) (sources []source.Address, err error) {
	for _, address := range addresses {
		src, err := source.ParseAddress(address)
		if err != nil {
			return nil, err
		}
		if src.Live() {
			return nil, fmt.Errorf("%s: is a live camera; give recordings of it, as 'vigil record' makes them", src)
		}
		sources = append(sources, src)
	}
	return sources, nil
}
