package base

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"vigil/capture"
	"vigil/capture/source"
	"vigil/internal/batch"
	"vigil/internal/names"
	"vigil/model/train"
)

// Place is a camera of which there are recordings.
type Place struct {
	Name   string
	Files  string // a pattern below the folder of data
	Repeat int    // how often an epoch takes each clip: they are few beside the streets'
}

// Places are those with normal video that may be used, for research.
var Places = []Place{
	{"ped2", "ped2/train/*.mkv", 2},
	{"avenue", "avenue_normal/*.mkv", 4},
}

// Read reads the place's recordings below the folder data. Progress goes to w.
func (p Place) Read(ctx context.Context, data string, side int, w io.Writer) ([]train.Video, error) {
	paths, err := filepath.Glob(filepath.Join(data, p.Files))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%s: there is no recording %s", p.Name, filepath.Join(data, p.Files))
	}
	var sources []source.Address
	for _, path := range paths {
		src, err := source.ParseAddress(path)
		if err != nil {
			return nil, err
		}
		sources = append(sources, src)
	}
	recordings := batch.Recordings{Options: func() (capture.Options, error) { return capture.Options{}, nil }}
	for i, name := range names.Recordings(sources) {
		recordings.All = append(recordings.All, batch.Recording{Source: sources[i], Name: name})
	}
	set, err := recordings.ReadTrainingSet(ctx, 0, batch.VideoOptions{Side: side, FPS: FPS}, w)
	if err != nil {
		return nil, err
	}
	for i := range set.Videos {
		v := &set.Videos[i]
		v.Place, v.Repeat, v.Width, v.Height = p.Name, p.Repeat, side, side
	}
	return set.Videos, nil
}
