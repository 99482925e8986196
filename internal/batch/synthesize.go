package batch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"vigil/capture"
	"vigil/internal/output"
	"vigil/internal/synth"
	"vigil/video"
)

// SynthesizeOptions configure the synthesis of labelled videos.
type SynthesizeOptions struct {
	Dir    string // a new folder
	Copies int    // of each recording, half of each kind of anomaly
	Seed   uint64
}

// Check checks the options. Errors name them like the flags of 'vigil pseudo'.
func (o *SynthesizeOptions) Check() error {
	if o.Dir == "" {
		return errors.New("-o: is missing; must be the folder for the videos")
	}
	if o.Copies < 1 || o.Copies > 1000 {
		return fmt.Errorf("--copies: is %d, must be from 1 to 1000", o.Copies)
	}
	if _, err := os.Lstat(o.Dir); err == nil {
		return fmt.Errorf("-o: %s exists already, give the name of a new folder", o.Dir)
	}
	return nil
}

// Synthesized is the result of Synthesize.
type Synthesized struct {
	Videos     int
	Failed     int     // copies that could not be made: the recording is too short, or too little moves
	Recordings int     // readable recordings
	Bad        []error // errors of the others
}

// String is the sums on a line.
func (m Synthesized) String() string {
	text := fmt.Sprintf("%d videos of %d recordings", m.Videos, m.Recordings)
	if m.Failed > 0 {
		text += fmt.Sprintf("; %d could not be made: too short, or too little moves", m.Failed)
	}
	return text
}

// Synthesize makes a labelled data set of the recordings, whose names are parts of its file names. The folder appears
// complete or not at all; it is an error if nothing could be made. One recording at a time is held in memory.
func (r *Recordings) Synthesize(ctx context.Context, o SynthesizeOptions) (made Synthesized, err error) {
	whole := filepath.Clean(o.Dir)
	if err := os.MkdirAll(filepath.Dir(whole), 0o755); err != nil {
		return made, err
	}
	part, remove, err := output.TempDir(filepath.Dir(whole), filepath.Base(whole)+".part-*")
	if err != nil {
		return made, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	for _, dir := range []string{"test", "labels"} {
		if err := os.MkdirAll(filepath.Join(part, dir), 0o755); err != nil {
			return made, err
		}
	}
	for n, one := range r.All {
		v, err := r.readGray(ctx, one)
		if ctx.Err() != nil {
			return made, ctx.Err()
		}
		if err != nil {
			made.Bad = append(made.Bad, err)
			continue
		}
		made.Recordings++
		if err := made.copies(ctx, v, o, part, one.Name, uint64(n)); err != nil {
			return made, err
		}
	}
	if made.Recordings == 0 {
		return made, errors.Join(made.Bad...)
	}
	if made.Videos == 0 {
		return made, nil
	}
	return made, errors.Join(os.Chmod(part, 0o755), os.Rename(part, whole))
}

func (m *Synthesized) copies(ctx context.Context, v *synth.Video, o SynthesizeOptions, dir, name string,
	n uint64,
) error {
	for i := range o.Copies {
		r := rand.New(rand.NewPCG(o.Seed, n<<16|uint64(i)))
		kind, synthesize := "fast", synth.Fast
		if i%2 == 1 {
			kind, synthesize = "glide", synth.Glide
		}
		labelled, ok := synthesize(r, v)
		if !ok {
			m.Failed++
			continue
		}
		if err := labelled.Write(ctx, dir, fmt.Sprintf("%s-%s-%d", name, kind, i/2+1)); err != nil {
			return err
		}
		m.Videos++
	}
	return nil
}

// readGray reads a whole recording in grey at its own size.
func (r *Recordings) readGray(ctx context.Context, one Recording) (v *synth.Video, err error) {
	o, err := r.Options()
	if err != nil {
		return nil, err
	}
	stream, err := capture.Open(ctx, one.Source, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	return readGrayFrames(ctx, stream, one, 0)
}

// readGrayFrames reads a stream of a recording up to its end. More than limit bytes are an error, unless it is 0.
func readGrayFrames(ctx context.Context, stream Stream, one Recording, limit int) (*synth.Video, error) {
	v := &synth.Video{}
	for f, err := range video.Frames(ctx, stream) {
		if err != nil {
			return nil, err
		}
		if v.Gray != nil && (f.Width != v.Width || f.Height != v.Height) {
			return nil, fmt.Errorf("%s: pictures of %dx%d after some of %dx%d: a recording must have one size",
				one.Source, f.Width, f.Height, v.Width, v.Height)
		}
		v.Width, v.Height = f.Width, f.Height
		if size := len(v.Gray) + f.Width*f.Height; limit > 0 && size > limit {
			return nil, fmt.Errorf(
				"%s: is longer than the %d MiB of grey pictures that are held in memory, which are %d "+
					"frames of %dx%d: give a shorter part of it", one.Source, limit>>20, limit/(f.Width*f.Height),
				f.Width,
				f.Height)
		}
		v.Gray = appendLuma(v.Gray, f)
	}
	return v, nil
}

// appendLuma appends the picture in grey, with OpenCV's colour weights (ITU-R BT.601).
func appendLuma(gray []byte, f *video.Frame) []byte {
	if f.Channels == 1 {
		return append(gray, f.Pix...)
	}
	for i := 0; i < len(f.Pix); i += 3 {
		gray = append(gray, byte((114*int(f.Pix[i])+587*int(f.Pix[i+1])+299*int(f.Pix[i+2])+500)/1000))
	}
	return gray
}
