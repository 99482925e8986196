package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"vigil/capture"
	"vigil/capture/source"
	"vigil/internal/scene"
	"vigil/internal/synth/avi"
	"vigil/pipeline"
	"vigil/video"
)

// place is a camera's place with its normal videos. None is in two lists.
type place struct {
	name      string
	needsData bool
	epochs    int // of the training; 0 for the recipe's
	prepare   func(ctx context.Context, p *place) error

	dir       string
	empty     []float32 // the empty scene, for weights that know no place; nil for others
	train     []string  // videos that the weights are trained on
	calibrate []string  // videos that the threshold is from
	base      []string  // videos of which the kinds are made, and in which an alarm is false
	// known, if set, is the folder of a labelled data set of the place, which the set of kinds is compared with.
	known string
	// street, if set, draws more video in which an alarm is false.
	street func() (*scene.Street, error)
}

var places = []place{
	{name: "avenue", needsData: true, prepare: avenue},
	{name: "ped2", needsData: true, epochs: 8, prepare: ped2},
	{name: "street", epochs: 2, prepare: street},
}

// avenue learns from 10.mkv alone, which is 49 s long: the network from the first two thirds, the threshold from the
// last. The kinds are made of 11.mkv, 31 s.
func avenue(ctx context.Context, p *place) error {
	split := 33 * *rate
	learned := filepath.Join(*data, "avenue_normal", "10.mkv")
	other := filepath.Join(*data, "avenue_normal", "11.mkv")
	p.train = []string{filepath.Join(p.dir, "normal", "train.avi")}
	p.calibrate = []string{filepath.Join(p.dir, "normal", "calibrate.avi")}
	p.base = []string{filepath.Join(p.dir, "normal", "base.avi")}
	return errors.Join(
		copyFile(ctx, learned, p.train[0], 0, split),
		copyFile(ctx, learned, p.calibrate[0], split, 1<<30),
		copyFile(ctx, other, p.base[0], 0, 1<<30),
	)
}

// ped2 learns the network and the threshold from the same twelve clips, as 'vigil eval ped2' does; the other four are
// the base.
func ped2(_ context.Context, p *place) error {
	clips := func(numbers ...string) (paths []string) {
		for _, n := range numbers {
			paths = append(paths, filepath.Join(*data, "ped2", "train", n+".mkv"))
		}
		return paths
	}
	p.train = clips("01", "02", "04", "05", "07", "08", "09", "11", "12", "13", "15", "16")
	p.calibrate = p.train
	p.base = clips("03", "06", "10", "14")
	p.known = filepath.Join(*data, "ped2")
	return nil
}

// streetSeed is that of a street on which nothing else was tuned.
const streetSeed = 2718

// street learns the network from seven minutes of one day and the threshold from three of another.
func street(ctx context.Context, p *place) error {
	draw := func(path string, day uint64, length time.Duration) error {
		s, err := scene.New(scene.Config{Seed: streetSeed, Day: day, FPS: float64(*rate)})
		if err != nil {
			return err
		}
		frames := int(length.Seconds()) * *rate
		return copyFrames(ctx, &scene.Source{Street: s, Frames: frames}, path, 0, frames)
	}
	at := func(name string) string { return filepath.Join(p.dir, "normal", name+".avi") }
	p.train, p.calibrate = []string{at("train")}, []string{at("calibrate")}
	p.base = []string{at("base-1"), at("base-2"), at("base-3")}
	p.street = func() (*scene.Street, error) {
		return scene.New(scene.Config{Seed: streetSeed, Day: 9, FPS: float64(*rate)})
	}
	return errors.Join(
		draw(p.train[0], 0, 7*time.Minute), draw(p.calibrate[0], 1, 3*time.Minute),
		draw(p.base[0], 2, 40*time.Second), draw(p.base[1], 3, 40*time.Second), draw(p.base[2], 4, 40*time.Second),
	)
}

// copyFile is copyFrames of a recording.
func copyFile(ctx context.Context, from, to string, first, end int) error {
	src, err := source.ParseAddress(from)
	if err != nil {
		return err
	}
	stream, err := capture.Open(ctx, src, capture.Options{})
	if err != nil {
		return err
	}
	return copyFrames(ctx, stream, to, first, end)
}

// copyFrames writes the frames from first up to end, counted at the rate, in grey without loss. A file that is there
// already is kept. It closes the stream.
func copyFrames(ctx context.Context, from pipeline.Stream, to string, first, end int) (err error) {
	defer func() { err = errors.Join(err, from.Close()) }()
	if _, err := os.Stat(to); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	part := to + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	info := from.Info()
	w, err := avi.Create(part, info.Width, info.Height, float64(*rate), false)
	if err != nil {
		return err
	}
	err = writeFrames(ctx, from, w, first, end)
	if err = errors.Join(err, w.Close()); err != nil {
		return err
	}
	return os.Rename(part, to)
}

func writeFrames(ctx context.Context, from pipeline.Stream, w *avi.Writer, first, end int) error {
	step := from.Info().FPS / float64(*rate) // the frames of the source from one that is taken to the next
	gray := []byte{}
	var f video.Frame
	taken := 0
	for n := 0; taken < end; n++ {
		if err := from.Read(ctx, &f); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if float64(n) < float64(taken)*step {
			continue
		}
		if taken++; taken <= first {
			continue
		}
		gray = gray[:0]
		for i := 0; i < len(f.Pix); i += f.Channels {
			if f.Channels == 1 {
				gray = append(gray, f.Pix[i])
				continue
			}
			// OpenCV's weights (ITU-R BT.601).
			gray = append(gray, byte((114*int(f.Pix[i])+587*int(f.Pix[i+1])+299*int(f.Pix[i+2])+500)/1000))
		}
		if err := w.Write(gray); err != nil {
			return err
		}
	}
	return nil
}
