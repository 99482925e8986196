package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"vigil/app"
	"vigil/capture"
	"vigil/capture/source"
	"vigil/config"
	"vigil/internal/names"
	"vigil/internal/output"
	"vigil/internal/synth"
	"vigil/video"
)

// faking is 'vigil pseudo'.
type faking struct {
	out    string
	copies int
	seed   uint64

	made, left int
}

func pseudoCommand() *cobra.Command {
	var f faking
	cmd := &cobra.Command{
		Use:   "pseudo SOURCE... -o DIR",
		Short: "Make a labelled data set of normal recordings, to choose by",
		Long: "Makes labelled videos of normal ones, for 'vigil eval'. Each begins as it was; from a known moment " +
			"on, in every other one a part of the\n" +
			"picture runs at two to five times its speed, and in the rest something that was seen at another time " +
			"glides through without moving\n" +
			"its limbs. Presets, recipes and lengths of training can so be chosen by videos of your camera in which " +
			"nothing ever\n" +
			"happened. Take short recordings that were not learned from; one at a time is held in memory.",
		Example: "  vigil train monday/*.mkv -o yard.safetensors\n" +
			"  vigil pseudo tuesday/*.mkv -o pseudo\n" +
			"  vigil eval pseudo -m yard.safetensors",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return usageError{err}
			}
			err := f.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), args)
			if cmd.Context().Err() != nil {
				return errInterrupted
			}
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.out, "out", "o", "", "`folder` to write; it must not be there yet")
	flags.IntVar(&f.copies, "copies", 4, "videos to make of each recording, half of each kind")
	flags.Uint64Var(&f.seed, "seed", 1, "of everything that is drawn by chance")
	return cmd
}

func (f *faking) check() error {
	if f.out == "" {
		return errors.New("-o: into which folder shall the videos be written?")
	}
	if f.copies < 1 || f.copies > 1000 {
		return fmt.Errorf("--copies: is %d, must be from 1 to 1000", f.copies)
	}
	if _, err := os.Lstat(f.out); err == nil {
		return fmt.Errorf("-o: %s is there already, give the name of a new folder", f.out)
	}
	return nil
}

// run makes all videos in a folder of another name, which gets its own when they are whole.
func (f *faking) run(ctx context.Context, stdout, stderr io.Writer, args []string) (err error) {
	whole := filepath.Clean(f.out)
	if err := os.MkdirAll(filepath.Dir(whole), 0o755); err != nil {
		return err
	}
	part, remove, err := output.TempDir(filepath.Dir(whole), filepath.Base(whole)+".part-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	for _, dir := range []string{"test", "labels"} {
		if err := os.MkdirAll(filepath.Join(part, dir), 0o755); err != nil {
			return err
		}
	}
	var sources []source.Address
	for _, arg := range args {
		src, err := source.ParseAddress(arg)
		if err != nil {
			return usageError{err}
		}
		if src.Live() {
			return usageError{fmt.Errorf("%s: is a live camera; give recordings of it, as 'vigil record' makes them",
				src)}
		}
		sources = append(sources, src)
	}
	names := names.Files(sources)
	for n, src := range sources {
		for i := range n {
			if sources[i] == src || names[i] == names[n] {
				return usageError{fmt.Errorf("%s and %s: two recordings of the name %s, take them one after the other",
					sources[i], src, names[i])}
			}
		}
	}
	var bad []error
	for n, src := range sources {
		video, err := readGray(ctx, src)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			bad = append(bad, err)
			continue
		}
		if err := f.one(ctx, video, part, names[n], uint64(n)); err != nil {
			return err
		}
	}
	if len(bad) == len(sources) {
		return errors.Join(bad...)
	}
	for _, err := range bad {
		leaveOut(stderr, err)
	}
	if f.made == 0 {
		return fmt.Errorf("nothing could be made of %d recordings: they are too short, or nothing moves in them",
			len(args))
	}
	if err := errors.Join(os.Chmod(part, 0o755), os.Rename(part, whole)); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s: %d videos of %d recordings", f.out, f.made, len(sources)-len(bad))
	if f.left > 0 {
		fmt.Fprintf(stdout, "; %d could not be made: too short, or too little moves", f.left)
	}
	fmt.Fprintln(stdout)
	return nil
}

// one makes the copies of a recording.
func (f *faking) one(ctx context.Context, video *synth.Video, dir, name string, n uint64) error {
	for i := range f.copies {
		r := rand.New(rand.NewPCG(f.seed, n<<16|uint64(i)))
		kind, make := "fast", synth.Fast
		if i%2 == 1 {
			kind, make = "glide", synth.Glide
		}
		made, ok := make(r, video)
		if !ok {
			f.left++
			continue
		}
		if err := writeMade(ctx, made, dir, fmt.Sprintf("%s-%s-%d", name, kind, i/2+1)); err != nil {
			return err
		}
		f.made++
	}
	return nil
}

// readGray reads a whole recording in grey at its own size.
func readGray(ctx context.Context, src source.Address) (v *synth.Video, err error) {
	o, err := app.OpenOptions(config.Default().Defaults)
	if err != nil {
		return nil, err
	}
	stream, err := capture.Open(ctx, src, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	v = &synth.Video{}
	var frame video.Frame
	for {
		if err := stream.Read(ctx, &frame); errors.Is(err, io.EOF) {
			return v, nil
		} else if err != nil {
			return nil, err
		}
		if v.Gray != nil && (frame.Width != v.Width || frame.Height != v.Height) {
			return nil, fmt.Errorf("%s: pictures of %dx%d after some of %dx%d: a recording must have one size", src,
				frame.Width, frame.Height, v.Width, v.Height)
		}
		v.Width, v.Height = frame.Width, frame.Height
		v.Gray = appendLuma(v.Gray, &frame)
	}
}

// appendLuma appends the picture in grey, with the colours weighed as OpenCV does (ITU-R BT.601).
func appendLuma(gray []byte, f *video.Frame) []byte {
	if f.Channels == 1 {
		return append(gray, f.Pix...)
	}
	for i := 0; i < len(f.Pix); i += 3 {
		gray = append(gray, byte((114*int(f.Pix[i])+587*int(f.Pix[i+1])+299*int(f.Pix[i+2])+500)/1000))
	}
	return gray
}

// writeMade makes test/NAME/, a picture for each frame, and labels/NAME.csv.
func writeMade(ctx context.Context, m synth.Labelled, dir, name string) error {
	folder := filepath.Join(dir, "test", name)
	if err := os.Mkdir(folder, 0o755); err != nil {
		return err
	}
	labels := &strings.Builder{}
	fmt.Fprintln(labels, "frame,label")
	encoder := png.Encoder{CompressionLevel: png.BestSpeed}
	area := m.Width * m.Height
	for t, abnormal := range m.Abnormal {
		if err := ctx.Err(); err != nil {
			return err
		}
		label := 0
		if abnormal {
			label = 1
		}
		fmt.Fprintf(labels, "%d,%d\n", t, label)
		img := &image.Gray{Pix: m.Gray[t*area:][:area], Stride: m.Width, Rect: image.Rect(0, 0, m.Width, m.Height)}
		file, err := os.Create(filepath.Join(folder, fmt.Sprintf("%06d.png", t)))
		if err != nil {
			return err
		}
		if err := errors.Join(encoder.Encode(file, img), file.Close()); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, "labels", name+".csv"), []byte(labels.String()), 0o644)
}
