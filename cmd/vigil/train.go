package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vigil/model"
	"vigil/model/train"
)

// training is the command 'train'. Its recordings bring the sources, and from a configuration the camera's mask and
// fps.
type training struct {
	recordings
	out, preset, addressing, recipe string
	side, epochs, slots             int
	minutes, lambda, pseudo, glide  float64
	last                            int
	seed                            uint64
	resume, json                    bool

	stdout, stderr io.Writer
	spec           model.Spec
	seen           []float64 // frames a second that the model sees of each source; 0 where unknown
}

func trainCommand() *cobra.Command {
	var t training
	cmd := &cobra.Command{
		Use:   "train SOURCE... -o MODEL",
		Short: "Learn what is normal from recordings without labels",
		Long: "Learns from video files and folders of frames that show nothing but normal life, all of one camera. A " +
			"twentieth of the frames is\n" +
			"held out, and the weights that do best there are kept in MODEL. A checkpoint beside it, " +
			"MODEL.checkpoint, holds the whole run\n" +
			"until it is done: a run that was interrupted goes on bit for bit with --resume. One seed gives one " +
			"result, whatever the number\n" +
			"of threads; but with --minutes the speed of the machine decides how many steps there are.\n\n" +
			"Recipe local-speed lets a part of some clips run too fast and unteaches what moves there; its weights " +
			"are scored by their worst\n" +
			"block. Recipe glide does that too, and lets what has been seen at other times glide through the picture " +
			"without moving its limbs: take it\n" +
			"where people walk. Recipe paper is the published one; its weights are scored by the mean error.",
		Example: "  vigil train ped2/train/*.mkv -o ped2.safetensors --preset fast\n" +
			"  vigil train yard/*.mp4 -o yard.safetensors --fps 10 --minutes 30",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t.stdout, t.stderr = cmd.OutOrStdout(), cmd.ErrOrStderr()
			if err := t.prepare(cmd, args); err != nil {
				return usageError{err}
			}
			return t.run(cmd)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&t.out, "out", "o", "", "weights `file` to write")
	f.StringVar(&t.preset, "preset", "small", "size of the network: "+presetNames())
	f.IntVar(&t.side, "side", 0, "side of the network's picture in `pixels`, a multiple of 16; 0 for the preset's")
	f.StringVar(&t.addressing, "addressing", model.Dot, "how the memory compares: dot or cosine")
	f.IntVar(&t.slots, "slots", 0,
		"slots of the memory instead of the preset's number; 0 for a plain autoencoder without one")
	f.Float64Var(&t.lambda, "lambda", 0, "hard shrinkage of the addressing, instead of 1/slots")
	f.Float64Var(&t.pseudo, "pseudo", 0, "the share of clips of which a part runs too fast, instead of the recipe's")
	f.Float64Var(&t.glide, "glide", 0, "the share of clips through which something glides, instead of the recipe's")
	f.IntVar(&t.last, "last", 0,
		"how many frames at a clip's end the score is made of, instead of the recipe's number; 0 for all 16")
	f.StringVar(&t.recipe, "recipe", train.LocalSpeed, "how to learn: local-speed, glide or paper")
	f.Uint64Var(&t.seed, "seed", 1, "of everything that is drawn by chance")
	f.IntVar(&t.epochs, "epochs", 0, "how often each clip is seen; 0 for the recipe's number")
	f.Float64Var(&t.minutes, "minutes", 0, "how long to learn instead; the schedule is fitted to it")
	f.BoolVar(&t.resume, "resume", false, "go on with the run that was interrupted")
	f.StringVar(&t.camera, "camera", "", "`name` of the camera that the recordings are from")
	f.StringVarP(&t.configFile, "config", "c", "", "configuration `file` that has the camera's mask and fps")
	f.Float64Var(&t.fps, "fps", 0, "frames a second that the model sees; 0 for every frame")
	f.IntVar(&t.threads, "threads", 0, "processor cores; 0 for all")
	f.BoolVar(&t.json, "json", false, "print the summary as JSON")
	return cmd
}

func presetNames() string {
	var names []string
	for _, p := range model.Presets {
		names = append(names, p.Preset)
	}
	return strings.Join(names, ", ")
}

// prepare brings flags and configuration together; its errors are about usage.
func (t *training) prepare(cmd *cobra.Command, args []string) error {
	if t.out == "" {
		return errors.New("-o: where shall the weights be written?")
	}
	// Weights that are being made cannot be needed, and neither can what is judged by them.
	t.model, t.hop = t.out, 1
	if err := t.resolve(cmd, args); err != nil {
		return err
	}
	for _, s := range t.sources {
		if s.Live() {
			return fmt.Errorf("%s: a live camera cannot be learned from directly; record it first with 'vigil record'",
				s)
		}
	}
	if _, err := train.FindRecipe(t.recipe); err != nil {
		return fmt.Errorf("--recipe: %w", err)
	}
	switch {
	case t.epochs < 0:
		return fmt.Errorf("--epochs: is %d, must not be negative", t.epochs)
	case !(t.minutes >= 0 && t.minutes <= 60*24*365):
		return fmt.Errorf("--minutes: is %g, must be from 0 to a year", t.minutes)
	case t.epochs > 0 && t.minutes > 0:
		return errors.New("--epochs and --minutes: only one of them can say how long to learn")
	}
	var err error
	if t.spec, err = model.FindPreset(t.preset); err != nil {
		return fmt.Errorf("--preset: %w", err)
	}
	if t.side != 0 && t.side != t.spec.Side {
		t.spec.Side, t.spec.Preset = t.side, ""
	}
	t.spec.Addressing = t.addressing
	if cmd.Flags().Changed("slots") && t.slots != t.spec.Slots {
		t.spec.Slots, t.spec.Lambda, t.spec.Preset = t.slots, 0, ""
		if t.slots > 0 {
			t.spec.Lambda = 1 / float64(t.slots)
		}
	}
	if cmd.Flags().Changed("lambda") {
		t.spec.Lambda = t.lambda
	}
	if !(t.pseudo >= 0 && t.pseudo <= 1) {
		return fmt.Errorf("--pseudo: is %g, must be from 0 to 1", t.pseudo)
	}
	if !(t.glide >= 0 && t.glide <= 1) {
		return fmt.Errorf("--glide: is %g, must be from 0 to 1", t.glide)
	}
	if r := t.teaching(cmd); r.Pseudo+r.Glide > 1 {
		return fmt.Errorf("--pseudo and --glide: are %g and %g of the clips, together must be at most 1",
			r.Pseudo, r.Glide)
	}
	if t.last < 0 || t.last > model.Frames {
		return fmt.Errorf("--last: is %d, must be from 1 to %d, or 0 for all", t.last, model.Frames)
	}
	if err := t.spec.Validate(); err != nil {
		return err
	}
	return t.checkOut()
}

// teaching is the recipe, which must be one, with what the flags say otherwise; its name, which the weights and a
// checkpoint keep, says so.
func (t *training) teaching(cmd *cobra.Command) train.Recipe {
	recipe, _ := train.FindRecipe(t.recipe) // prepare has looked
	flags := cmd.Flags()
	if flags.Changed("pseudo") {
		recipe.Pseudo = t.pseudo
		recipe.Name += fmt.Sprintf(", pseudo %g", t.pseudo)
	}
	if flags.Changed("glide") {
		recipe.Glide = t.glide
		recipe.Name += fmt.Sprintf(", glide %g", t.glide)
	}
	if flags.Changed("last") {
		recipe.Last = t.last
	}
	return recipe
}

// checkOut keeps the weights from taking the place of something else, as of a recording when -o stands before a list
// of them.
func (t *training) checkOut() error {
	info, err := os.Stat(t.out)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("-o: %w", err)
	case info.IsDir():
		return fmt.Errorf("-o: %s is a folder; name a file for the weights", t.out)
	case !info.Mode().IsRegular():
		return nil // it is written to, and stays what it is
	}
	if _, err := model.ReadWeights(t.out); err != nil {
		return fmt.Errorf("-o: %s is there and is no weights file, so it is not replaced; name another or remove it",
			t.out)
	}
	return nil
}

func (t *training) run(cmd *cobra.Command) error {
	ctx := cmd.Context()
	recipe := t.teaching(cmd)
	total, err := t.probeGood(ctx, t.stderr)
	if ctx.Err() != nil {
		return errInterrupted
	}
	if err != nil {
		return err
	}
	videos, err := t.read(ctx, total)
	if ctx.Err() != nil {
		return errInterrupted
	}
	if err != nil {
		return err
	}
	bar := newTrainProgress(t.stderr, t.out, t.spec.Slots)
	began := time.Now()
	result, err := train.Run(ctx, train.Config{
		Spec: t.spec, Recipe: recipe, Seed: t.seed, Epochs: t.epochs,
		Budget:  time.Duration(t.minutes * float64(time.Minute)),
		Threads: t.threads, Out: t.out, Resume: t.resume, Progress: bar.show, Notes: t.notes(),
	}, videos)
	bar.finish()
	if errors.Is(err, train.ErrStopped) && ctx.Err() != nil {
		if other := onlyOther(err); other != nil {
			return fmt.Errorf("stopped after step %d, which could not be kept: %w", result.Steps, other)
		}
		fmt.Fprintf(t.stderr,
			"stopped after step %d; the run is kept in %s: go on with the same command and --resume\n", result.Steps,
			train.CheckpointPath(t.out))
		return errInterrupted
	}
	if err != nil {
		return err
	}
	return t.summary(result, time.Since(began))
}

// notes are what the weights say of their training beside what the run itself knows. The day is all of the time, so
// that one seed gives one file, at least on one day.
func (t *training) notes() map[string]string {
	notes := map[string]string{train.NoteTrained: time.Now().UTC().Format(time.DateOnly)}
	low, high := slices.Min(t.seen), slices.Max(t.seen)
	if low > 0 && high-low < 0.01*high {
		notes[train.NoteFPS] = strconv.FormatFloat(t.seen[0], 'g', 6, 64)
	}
	return notes
}

// onlyOther is what went wrong beside the stop.
func onlyOther(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			if !errors.Is(e, train.ErrStopped) {
				return e
			}
		}
	}
	return nil
}

func (t *training) summary(r train.Result, took time.Duration) error {
	if doubt := r.Warning(); doubt != "" {
		fmt.Fprintf(t.stderr,
			"warning: %s; learn longer (--epochs, --minutes), or from more video in which something moves\n", doubt)
	}
	if t.json {
		return json.NewEncoder(t.stdout).Encode(map[string]any{
			"model": t.out, "steps": r.Steps, "clips": r.Clips, "frames": r.LearnFrames,
			"held_out_frames": r.HeldFrames,
			"best":            r.Best, "best_step": r.BestAt, "seconds": math.Round(took.Seconds()*10) / 10,
		})
	}
	fmt.Fprintf(t.stdout, "%s: learned %d clips of %d frames in %d steps, %s\n", filepath.Base(t.out), r.Clips,
		r.LearnFrames, r.Steps,
		took.Round(time.Second))
	if r.Best == nil {
		fmt.Fprintln(t.stdout,
			"there was too little video to hold any out: the last weights were kept, and nothing says how well they do")
		return nil
	}
	fmt.Fprintf(t.stdout, "kept: step %d, on %d held-out frames %s\n", r.BestAt, r.HeldFrames, watchText(*r.Best))
	return nil
}
