// Package batch implements the commands that take recordings: it scores them, calibrates and trains on them, and
// synthesises labelled ones. A recording that cannot be read is excluded from the result and reported; it is an error
// if none can be read. Only progress, notes and warnings are printed, to the caller's writer.
package batch

import (
	"context"
	"errors"
	"fmt"
	"io"

	"vigil/capture"
	"vigil/capture/source"
	"vigil/pipeline"
)

// Recording is a source of a command.
type Recording struct {
	Source source.Address
	Name   string // in tables and messages
	Camera string // as a camera
}

// Recordings are the sources of a command, all opened and scored with the same settings.
type Recordings struct {
	All []Recording
	// Options returns the options for opening a source; it is called for each, because certificates may change.
	Options func() (capture.Options, error)
	// NewCamera returns the pipeline camera of a recording; not needed for training.
	NewCamera func(Recording) (pipeline.Camera, error)
	Rates     Rates

	notes []string // of the sources, not printed yet
}

// Probe opens each source once, so that invalid ones are reported before any work is done, and adds up the frames of
// the others; 0 if one is unknown. bad has the error of each source, nil for none.
func (r *Recordings) Probe(ctx context.Context) (frames int, bad []error, err error) {
	o, err := r.Options()
	if err != nil {
		return 0, nil, err
	}
	bad = make([]error, len(r.All))
	unknown := false
	for i, one := range r.All {
		stream, err := capture.Open(ctx, one.Source, o)
		if err != nil {
			bad[i] = err
			continue
		}
		n := stream.Info().Frames
		bad[i] = stream.Close()
		unknown = unknown || n == 0
		frames += n
	}
	if unknown {
		frames = 0
	}
	return frames, bad, ctx.Err()
}

// KeepGood probes the sources and drops the bad ones, with a warning to w. It is an error if all are bad.
func (r *Recordings) KeepGood(ctx context.Context, w io.Writer) (frames int, err error) {
	frames, bad, err := r.Probe(ctx)
	if err != nil {
		return 0, err
	}
	var good []Recording
	for i, one := range r.All {
		if bad[i] == nil {
			good = append(good, one)
		}
	}
	if len(good) == 0 {
		return 0, errors.Join(bad...)
	}
	WarnLeftOut(w, bad)
	r.All = good
	return frames, nil
}

// WarnLeftOut warns of the excluded recordings; the errors name them, nil means none.
func WarnLeftOut(w io.Writer, bad []error) {
	for _, err := range bad {
		if err != nil {
			fmt.Fprintf(w, "warning: left out: %v\n", err)
		}
	}
}

// camera returns the pipeline's camera that plays a recording; onFrame is called after each frame that was read.
func (r *Recordings) camera(one Recording, onFrame func()) (pipeline.Camera, error) {
	cam, err := r.NewCamera(one)
	if err != nil {
		return cam, err
	}
	// No clip of a recording is skipped, so that its scores do not depend on the machine.
	cam.Lossless = !cam.Live
	// The hour at which a recording was made is unknown.
	if !cam.Live {
		cam.Armed = nil
	}
	if pictures := cam.Pictures; pictures != nil {
		cam.Pictures = func(ctx context.Context, o pipeline.OpenRequest) (pipeline.PictureSource, error) {
			p, err := pictures(ctx, o)
			if err != nil {
				return nil, err
			}
			return countedPictures{p, onFrame}, nil
		}
	}
	open := cam.Open
	cam.Open = func(ctx context.Context, firstSeq uint64, generation int) (pipeline.Stream, error) {
		stream, err := open(ctx, firstSeq, generation)
		if err != nil {
			return nil, err
		}
		note := func(text string) {
			if !cam.Live { // else the pipeline logs it
				r.notes = append(r.notes, fmt.Sprintf("%s: %s", one.Source, text))
			}
		}
		return countedStream{stream, onFrame, note}, nil
	}
	return cam, nil
}

// printNotes prints the notes of the sources, such as missing frame numbers.
func (r *Recordings) printNotes(w io.Writer) {
	for _, text := range r.notes {
		fmt.Fprintln(w, text)
	}
	r.notes = nil
}
