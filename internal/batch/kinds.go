package batch

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"vigil/capture"
	"vigil/eval"
	"vigil/internal/output"
	"vigil/internal/synth/avi"
	"vigil/internal/synth/kinds"
)

// KindsOptions configure a data set of kinds of events.
type KindsOptions struct {
	Dir       string // a new folder
	Kinds     []kinds.Kind
	Instances int // of each kind
	Seed      uint64
}

// Check checks the options. Errors name them like the flags of 'vigil pseudo'.
func (o *KindsOptions) Check() error {
	if o.Instances < 1 || o.Instances > 1000 {
		return fmt.Errorf("--instances: is %d, must be from 1 to 1000", o.Instances)
	}
	return (&SynthesizeOptions{Dir: o.Dir, Copies: 1}).Check()
}

// MadeKinds is the result of MakeKinds.
type MadeKinds struct {
	Videos, Recordings int
	Bad                []error // unreadable recordings, and those of which nothing can be made
	Missing            []error // videos that could not be made of any recording
}

// String is the sums on a line.
func (m MadeKinds) String() string {
	text := fmt.Sprintf("%d videos of %d recordings", m.Videos, m.Recordings)
	if n := len(m.Missing); n > 0 {
		text += fmt.Sprintf("; %d could not be made", n)
	}
	return text
}

// task is a video to be made.
type task struct {
	kind     kinds.Kind
	instance int
	first    int // the recording to begin with
	tried    int // recordings, from that one on
	made     *manifestRow
	err      error // why the last recording did not do
}

func (t *task) name() string { return fmt.Sprintf("%s-%d", t.kind.Name, t.instance) }

// manifestRow is a row of the manifest; first is -1 where no frame is abnormal.
type manifestRow struct{ first, last int }

// MakeKinds makes a labelled data set of the kinds from recordings of one place. Instances take the recordings in turn;
// one that cannot be made of its recording is made of another. The folder appears complete or not at all. One recording
// at a time is held in memory.
func (r *Recordings) MakeKinds(ctx context.Context, o KindsOptions) (made MadeKinds, err error) {
	whole := filepath.Clean(o.Dir)
	if err := os.MkdirAll(filepath.Dir(whole), 0o755); err != nil {
		return made, err
	}
	part, remove, err := output.TempDir(filepath.Dir(whole), filepath.Base(whole)+".part-*")
	if err != nil {
		return made, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	for _, dir := range []string{"test", "labels", "masks"} {
		if err := os.MkdirAll(filepath.Join(part, dir), 0o755); err != nil {
			return made, err
		}
	}
	var tasks []*task
	for _, kind := range o.Kinds {
		for n := range o.Instances {
			first := slices.IndexFunc(kinds.All(), func(k kinds.Kind) bool { return k.Name == kind.Name }) + n
			tasks = append(tasks, &task{kind: kind, instance: n + 1, first: first})
		}
	}
	if err := r.makeTasks(ctx, tasks, o.Seed, part, &made); err != nil {
		return made, err
	}
	for _, t := range tasks {
		if t.made == nil {
			made.Missing = append(made.Missing, fmt.Errorf("%s: %w", t.name(), t.err))
		} else {
			made.Videos++
		}
	}
	if made.Videos == 0 {
		return made, errors.Join(slices.Concat(made.Bad, made.Missing)...)
	}
	if err := writeManifest(filepath.Join(part, eval.ManifestFile), tasks, o.Seed); err != nil {
		return made, err
	}
	return made, errors.Join(os.Chmod(part, 0o755), os.Rename(part, whole))
}

// makeTasks takes the recordings in turn, each with the tasks whose turn it is: the first of a task depends on its kind
// and instance; where a recording does not do, it is the next one's turn.
func (r *Recordings) makeTasks(ctx context.Context, tasks []*task, seed uint64, dir string, made *MadeKinds) error {
	bad := make([]error, len(r.All))
	read := make([]bool, len(r.All))
	for n := 0; ; n = (n + 1) % len(r.All) {
		var turn []*task
		waiting := false
		for _, t := range tasks {
			if t.made == nil && t.tried < len(r.All) {
				waiting = true
				if (t.first+t.tried)%len(r.All) == n {
					turn = append(turn, t)
				}
			}
		}
		if !waiting {
			return nil
		}
		if len(turn) == 0 {
			continue
		}
		if bad[n] == nil {
			err := r.makeOf(ctx, r.All[n], turn, seed, dir)
			switch unusable := (*unusableError)(nil); {
			case ctx.Err() != nil:
				return ctx.Err()
			case errors.As(err, &unusable):
				bad[n] = err
				made.Bad = append(made.Bad, err)
			case err != nil:
				return err
			case !read[n]:
				read[n] = true
				made.Recordings++
			}
		}
		for _, t := range turn {
			t.tried++
			if bad[n] != nil {
				t.err = bad[n]
			}
		}
	}
}

// unusableError reports a recording of which nothing can be made.
type unusableError struct{ err error }

func (e *unusableError) Error() string { return e.err.Error() }
func (e *unusableError) Unwrap() error { return e.err }

// makeOf makes tasks of a recording. A task that cannot be made of it keeps the reason.
func (r *Recordings) makeOf(ctx context.Context, one Recording, tasks []*task, seed uint64, dir string) error {
	recording, err := r.readRecording(ctx, one)
	if err != nil {
		return &unusableError{err}
	}
	place, err := kinds.New(recording)
	if err != nil {
		return &unusableError{fmt.Errorf("%s: %w", one.Source, err)}
	}
	for _, t := range tasks {
		clip, err := t.kind.Make(place, seed, t.instance)
		if err != nil {
			t.err = fmt.Errorf("%s: %w", one.Source, err)
			continue
		}
		if t.made, err = writeClip(ctx, clip, place, dir, t.name()); err != nil {
			return err
		}
	}
	return nil
}

// readRecording reads a recording with its rate.
func (r *Recordings) readRecording(ctx context.Context, one Recording) (out kinds.Recording, err error) {
	o, err := r.Options()
	if err != nil {
		return out, err
	}
	stream, err := capture.Open(ctx, one.Source, o)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	v, err := readGrayFrames(ctx, stream, one, kinds.MaxBytes)
	if err != nil {
		return out, err
	}
	if out = (kinds.Recording{Video: *v, FPS: stream.Info().FPS}); out.FPS == 0 {
		return out, fmt.Errorf("%s: its frame rate is unknown", one.Source)
	}
	return out, nil
}

// writeClip writes a video with its labels, and its masks unless all of it is normal.
func writeClip(ctx context.Context, clip *kinds.Clip, place *kinds.Place, dir, name string) (row *manifestRow,
	err error,
) {
	pictures, err := avi.Create(filepath.Join(dir, "test", name+".avi"), place.Width, place.Height, place.FPS, false)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, pictures.Close()) }()
	masks, err := avi.Create(filepath.Join(dir, "masks", name+".avi"), place.Width, place.Height, place.FPS, true)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, masks.Close()) }()
	area := place.Width * place.Height
	picture, mask, white := make([]byte, area), make([]bool, area), make([]byte, area)
	labels := &strings.Builder{}
	fmt.Fprintln(labels, "frame,label")
	row = &manifestRow{-1, -1}
	for t := range clip.Frames {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		label := 0
		if clip.Draw(t, picture, mask) {
			label, row.last = 1, t
			if row.first < 0 {
				row.first = t
			}
		}
		for i, on := range mask {
			white[i] = 0
			if on {
				white[i] = 255
			}
		}
		fmt.Fprintf(labels, "%d,%d\n", t, label)
		if err := errors.Join(pictures.Write(picture), masks.Write(white)); err != nil {
			return nil, err
		}
	}
	return row, os.WriteFile(filepath.Join(dir, "labels", name+".csv"), []byte(labels.String()), 0o644)
}

func writeManifest(path string, tasks []*task, seed uint64) error {
	text := &strings.Builder{}
	w := csv.NewWriter(text)
	_ = w.Write(strings.Split(eval.ManifestHeader, ","))
	for _, t := range tasks {
		if t.made == nil {
			continue
		}
		first, last := "", ""
		if t.made.first >= 0 {
			first, last = strconv.Itoa(t.made.first), strconv.Itoa(t.made.last)
		}
		_ = w.Write([]string{
			t.name(), t.kind.Name, strconv.Itoa(t.instance), string(t.kind.Group), first, last,
			strconv.FormatUint(seed, 10),
		})
	}
	w.Flush()
	return errors.Join(w.Error(), os.WriteFile(path, []byte(text.String()), 0o644))
}
