package train

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"time"

	"vigil/internal/output"
	"vigil/model"
)

// Config describes a training run.
type Config struct {
	Spec   model.Spec // its Score is the recipe's
	Recipe Recipe
	Seed   uint64
	// Epochs is how often each clip is seen; 0 is the recipe's number. If Budget is set, the run takes that long
	// instead, and its length is planned from the speed of its first steps.
	Epochs  int
	Budget  time.Duration
	Threads int // 0 or less means GOMAXPROCS
	// From are weights to start from, of the same network; nil draws them. FromName is what the weights' record calls
	// them. Weights that know no place are taken by a share when one place is learned (see mix). Of others everything
	// is taken over, and the optimizer begins anew, at a share of the recipe's learning rate.
	From     *model.Weights
	FromName string
	// Out is the file for the best weights so far; it is replaced whenever there are better ones. The state of an
	// unfinished run is in CheckpointPath(Out).
	Out    string
	Resume bool
	// Notes are added to the weights' metadata.
	Notes map[string]string
	// Progress, if set, is called after each step.
	Progress func(Progress)
	// Now is the clock for Budget; nil is time.Now.
	Now func() time.Time
}

// Progress is the state of a run after a step.
type Progress struct {
	Step, Steps    int     // done, and in total; the total is 0 while a run limited by time measures its speed
	Epoch, Epochs  float64 // likewise
	Loss           float64 // of the step, like the following
	Square         float64 // its part without the entropy
	Entropy        float64 // of the addressing weights, in nats
	ZeroRows       float64 // the share of queries whose addressing weights are all 0
	SlotsUsed      int     // by any query of the last 50 steps
	ClipsPerSecond float64
	Left           time.Duration // 0 while it is not known
	Validation     *Validation   // set after some steps: the held-out clips
	Best           bool          // the Validation is the best so far, and Out was written
}

// Result is the result of a run.
type Result struct {
	Steps       int
	Clips       int // available for training
	HeldOut     int // number of held-out clips that were scored
	Best        *Validation
	BestAt      int // the step of the best weights
	Seen        int // clips in all steps, including pseudo-anomalies
	LearnFrames int
	HeldFrames  int
}

// CheckpointPath is the file with the state of an unfinished run.
func CheckpointPath(out string) string { return out + ".checkpoint" }

// ErrStopped says that the context ended a run, after its checkpoint was written.
var ErrStopped = errors.New("training was stopped")

// DivergedError says that the loss or a gradient was not finite. The weights are unchanged by that step; the checkpoint
// holds the state before it.
type DivergedError struct {
	Step       int // counted from 1
	Checkpoint string
	Best       string // the file of the best weights so far; empty if there are none
}

func (e *DivergedError) Error() string {
	text := fmt.Sprintf(
		"step %d: the loss or a gradient is not finite; %s holds the state before that step, but resuming it would "+
			"fail "+
			"again: remove it and start over with another seed", e.Step, e.Checkpoint)
	if e.Best != "" {
		text += "; the best weights so far are in " + e.Best
	}
	return text
}

// saveEvery is the time between checkpoints.
const saveEvery = time.Minute

// Run trains on normal videos, in the given order, and writes the weights that did best on held-out clips. When ctx
// ends, it writes a checkpoint and returns ErrStopped.
func Run(ctx context.Context, cfg Config, videos []Video) (Result, error) {
	r, err := newRun(cfg, videos)
	if err != nil {
		return Result{}, err
	}
	defer r.net.close()
	err = r.steps(ctx)
	if err != nil {
		return r.result(), err
	}
	if r.toDevice {
		if err := r.saveBest(true); err != nil {
			return r.result(), err
		}
		return r.result(), nil
	}
	if err := os.Remove(r.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return r.result(), fmt.Errorf("removing the checkpoint of a finished run: %w", err)
	}
	return r.result(), nil
}

// run is a training run in progress.
type run struct {
	cfg        Config
	path       string // of the checkpoint
	toDevice   bool   // Out is a device or a pipe: it is written once, at the end, without a checkpoint
	state      state
	net        *network
	adam       *adam
	best       *model.Weights
	sampler    *sampler
	validation *validationSet
	plan       plan
	began      time.Time // start of this process's part, moved back by the time spent before
	saved      time.Time
	placeless  bool  // the videos are of several places
	mixed      bool  // the first weights are mixed from Config.From and drawn ones
	lastUse    []int // the step in which each slot was used last, counted from 1
	frames     [2]int
}

func newRun(cfg Config, videos []Video) (*run, error) {
	cfg.Spec.Score, cfg.Spec.Last = cfg.Recipe.Score, cfg.Recipe.Last
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Epochs <= 0 {
		cfg.Epochs = cfg.Recipe.Epochs
	}
	if cfg.Budget > 0 {
		cfg.Epochs = 0
	}
	if err := cfg.Spec.Validate(); err != nil {
		return nil, err
	}
	at := places(videos)
	if cfg.From != nil {
		fits := cfg.Spec.CheckSameLayers
		if !onePlaceOf(cfg.From, at) {
			fits = cfg.Spec.CheckSameNetwork
			cfg.Recipe.Rate *= fineTuningRate
		}
		if err := fits(cfg.From.Spec); err != nil {
			return nil, fmt.Errorf("%s: %w", cfg.FromName, err)
		}
	}
	if err := CheckVideos(videos, cfg.Spec.Side); err != nil {
		return nil, err
	}
	r := &run{
		cfg: cfg, path: CheckpointPath(cfg.Out), toDevice: output.Through(cfg.Out), placeless: at != nil,
		mixed:   onePlaceOf(cfg.From, at),
		lastUse: make([]int, cfg.Spec.Slots),
	}
	learn, held := split(videos, at, cfg.Seed)
	for i, all := range [][]segment{learn, held} {
		for _, s := range all {
			r.frames[i] += s.frames
		}
	}
	bg := make([]float32, cfg.Spec.Side*cfg.Spec.Side)
	background(bg, videos)
	r.sampler = newSampler(cfg.Recipe, cfg.Seed, newAugmenter(cfg.Spec.Side, bg), learn)
	r.validation = newValidationSet(cfg.Recipe, cfg.Seed, newAugmenter(cfg.Spec.Side, bg), held)
	if n := len(r.sampler.starts); n < cfg.Recipe.Batch {
		return nil, fmt.Errorf("%w: %d clips of %d consecutive frames for training, need at least %d",
			ErrTooLittle, n,
			model.Frames, cfg.Recipe.Batch)
	}
	r.state = state{
		Version: stateVersion, Spec: cfg.Spec, Recipe: cfg.Recipe.Name, Seed: cfg.Seed, Videos: digest(videos),
		Epochs: cfg.Epochs, Budget: cfg.Budget, From: cfg.FromName,
	}
	if cfg.Budget <= 0 {
		r.state.Steps = max(cfg.Epochs*len(r.sampler.starts)/cfg.Recipe.Batch, 1)
		r.state.ValidateEvery = validationInterval(r.stepsPerEpoch(), r.state.Steps)
	}
	if err := r.openNetwork(videos); err != nil {
		return nil, err
	}
	return r, nil
}

// openNetwork makes the network, from the checkpoint or from scratch.
func (r *run) openNetwork(videos []Video) error {
	cfg := r.cfg
	var weights *model.Weights
	var c *checkpoint
	var err error
	if cfg.Resume {
		if r.toDevice {
			return fmt.Errorf("%s is a device or a pipe, which has no checkpoint to resume", cfg.Out)
		}
		if c, err = readCheckpoint(r.path, r.state); err != nil {
			return err
		}
		r.state, r.best = c.state, c.best
		// The file may have been removed meanwhile, and there may be no better weights to come.
		if r.best != nil {
			if err := r.saveBest(false); err != nil {
				return err
			}
		}
		weights = &model.Weights{Spec: cfg.Spec, Tensors: c.tensors}
	} else {
		if _, err := os.Stat(r.path); err == nil && !r.toDevice {
			return fmt.Errorf(
				"%s is the checkpoint of an unfinished run: resume it, or remove the file to start over", r.path)
		}
		if weights, err = r.firstWeights(); err != nil {
			return err
		}
		if bg, ok := weights.Tensors[model.Background]; ok {
			background(bg.Float, videos)
		}
	}
	if r.net, err = newNetwork(weights, cfg.Recipe.Batch, cfg.Threads, cfg.Recipe.Entropy,
		cfg.Recipe.Limit); err != nil {
		return err
	}
	r.adam = newAdam(r.net.params, r.net.pool, cfg.Recipe.Decay)
	if c != nil {
		r.adam.first, r.adam.second = c.adam.first, c.adam.second
		return nil
	}
	// Fail now, not after an hour, if the folder is not writable or the disk is full.
	if err := r.saveCheckpoint(); err != nil {
		r.net.close()
		return err
	}
	return nil
}

// fineTuningRate is the share of a recipe's learning rate at which weights learn more of what they have learned.
const fineTuningRate = 0.5

// keptShare is the share of weights that know no place when one place is learned from them.
const keptShare = 0.25

// onePlaceOf reports whether weights that know no place are trained on one, and not on several, which at has. Then
// the recipe's rate stands, and the start is mixed.
func onePlaceOf(from *model.Weights, at []*place) bool {
	return from != nil && from.Placeless && at == nil
}

// firstWeights are a run's weights before its first step.
func (r *run) firstWeights() (*model.Weights, error) {
	w, err := initialWeights(r.cfg.Spec, r.cfg.Seed)
	if err != nil || r.cfg.From == nil {
		return w, err
	}
	for name, drawn := range w.Tensors {
		t, ok := r.cfg.From.Tensors[name]
		switch {
		case !ok || name == model.Background:
		case !r.mixed:
			w.Tensors[name] = t
		case name != model.MemoryName:
			w.Tensors[name] = mix(t, drawn)
		}
	}
	return w, nil
}

// mix returns the drawn tensor with a share of the learned one. A network that starts as it was learned goes on to
// reconstruct what was normal elsewhere, and ends up worse than one that starts from nothing; shrunk towards drawn
// weights it is as good a start as none, and a better one for some minutes: Ash and Adams, On Warm-Starting Neural
// Network Training (NeurIPS 2020), and docs/accuracy.md, "Base weights". The memory is drawn for the same reason.
func mix(learned, drawn model.Tensor) model.Tensor {
	learned.Float = slices.Clone(learned.Float)
	for i, x := range learned.Float {
		learned.Float[i] = float32(keptShare*x) + float32((1-keptShare)*drawn.Float[i])
	}
	return learned
}

// stepsPerEpoch is the number of steps in which each clip is seen once.
func (r *run) stepsPerEpoch() int { return max(len(r.sampler.starts)/r.cfg.Recipe.Batch, 1) }

func (r *run) saveCheckpoint() error {
	r.saved = r.cfg.Now()
	if r.toDevice {
		return nil
	}
	return (&checkpoint{state: r.state, tensors: r.net.tensors, adam: r.adam, best: r.best}).write(r.path)
}

// steps runs the remaining steps.
func (r *run) steps(ctx context.Context) error {
	now := r.cfg.Now()
	r.began, r.saved = now.Add(-r.state.Elapsed), now
	r.plan.begin(r.state.Step, now)
	// The run may have been stopped during a validation.
	if r.state.Step > 0 && r.validationDue() && r.state.ValidatedAt != r.state.Step {
		var p Progress
		if err := r.validate(ctx, &p); err != nil {
			return err
		}
	}
	for r.state.Steps == 0 || r.state.Step < r.state.Steps {
		if ctx.Err() != nil {
			return errors.Join(ErrStopped, r.saveCheckpoint())
		}
		if err := r.step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) step(ctx context.Context) error {
	r.sampler.batch(r.state.Step, r.net.x, r.net.mask)
	if err := r.net.run(); err != nil {
		return err
	}
	good, err := gradientsFinite(r.net.pool, r.net.params)
	if err != nil {
		return err
	}
	if loss := r.net.loss.total; !good || math.IsNaN(loss) || math.IsInf(loss, 0) {
		diverged := &DivergedError{Step: r.state.Step + 1, Checkpoint: r.path}
		if r.best != nil {
			diverged.Best = r.cfg.Out
		}
		return errors.Join(diverged, r.saveCheckpoint())
	}
	r.net.updateRunningStats()
	if err := r.adam.update(r.net.params, r.cfg.Recipe.rate(r.state.Step, r.state.Steps), r.state.Step+1); err != nil {
		return err
	}
	r.state.Step++
	p := r.progress()
	now := r.cfg.Now()
	r.state.Elapsed = now.Sub(r.began)
	switch {
	case r.cfg.Budget <= 0:
	case r.state.Steps == 0:
		r.state.Steps, r.state.ValidateEvery = r.plan.planSteps(r, now)
	case r.state.Elapsed >= r.cfg.Budget:
		// The machine has become slower since the run was planned.
		r.state.Steps = r.state.Step
	}
	if r.validationDue() {
		if err := r.validate(ctx, &p); err != nil {
			return err
		}
	} else if now.Sub(r.saved) >= saveEvery {
		if err := r.saveCheckpoint(); err != nil {
			return err
		}
	}
	if r.cfg.Progress != nil {
		r.cfg.Progress(p)
	}
	return nil
}

// validationDue reports whether to validate after this step: at the end, and at regular intervals unless the end is
// near.
func (r *run) validationDue() bool {
	s := &r.state
	return s.Steps > 0 && (s.Step == s.Steps || s.Step%s.ValidateEvery == 0 && s.Steps-s.Step > s.ValidateEvery/2)
}

// validate scores the held-out clips, saves the weights if they are the best so far, and replans a run limited by time.
func (r *run) validate(ctx context.Context, p *Progress) error {
	w := r.net.weights()
	if len(r.validation.starts) > 0 {
		validation, err := r.validation.evaluate(ctx, w, r.cfg.Threads)
		switch {
		case err != nil && ctx.Err() != nil:
			return errors.Join(ErrStopped, r.saveCheckpoint())
		case err != nil:
			return fmt.Errorf("step %d: scoring held-out clips: %w", r.state.Step, err)
		}
		p.Validation = &validation
	}
	if p.Validation == nil || r.state.Best == nil || p.Validation.atLeastAsGoodAs(*r.state.Best) {
		p.Best = true
		r.best, r.state.Best, r.state.BestAt = w, p.Validation, r.state.Step
		if err := r.saveBest(false); err != nil {
			return err
		}
	}
	r.state.ValidatedAt = r.state.Step
	if r.cfg.Budget > 0 && r.state.Step < r.state.Steps {
		r.state.Steps = r.plan.replan(r, r.cfg.Now())
	}
	return r.saveCheckpoint()
}

// saveBest writes the best weights; to a device or a pipe only at the end of the run.
func (r *run) saveBest(end bool) error {
	if r.toDevice && !end {
		return nil
	}
	best := *r.best
	best.Notes = r.notes()
	if best.Placeless = r.placeless; r.placeless {
		best.Tensors = maps.Clone(best.Tensors)
		delete(best.Tensors, model.Background)
	}
	if err := best.Write(r.cfg.Out); err != nil {
		return fmt.Errorf("step %d: writing the weights: %w", r.state.Step, err)
	}
	return nil
}

// Metadata keys about training, for 'vigil model info'.
const (
	NoteFPS     = model.NoteFPS
	NoteFrom    = "from"    // the weights that the training started from; missing if there were none
	NoteShare   = "share"   // of these that was kept; missing if all was
	NoteTrained = "trained" // the date, as 2006-01-02
	// Number of held-out clips; like the following figures, for the saved weights.
	NoteHeldClips  = "held_out_clips"
	NoteHeldNormal = "held_out_normal" // Validation.Normal
	NoteHeldPseudo = "held_out_pseudo" // Validation.Pseudo; missing if there was none
	NoteHeldAUC    = "held_out_auc"    // Validation.AUC; likewise
)

func (r *run) notes() map[string]string {
	notes := map[string]string{
		"recipe": r.cfg.Recipe.Name, "seed": strconv.FormatUint(r.cfg.Seed, 10), "steps": strconv.Itoa(r.state.BestAt),
		"clips": strconv.Itoa(len(r.sampler.starts)), "videos": r.state.Videos,
	}
	if w := r.state.Best; w != nil {
		figure := func(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
		notes[NoteHeldClips], notes[NoteHeldNormal] = strconv.Itoa(len(r.validation.starts)), figure(w.Normal)
		if w.HasAUC() {
			notes[NoteHeldPseudo], notes[NoteHeldAUC] = figure(w.Pseudo), figure(w.AUC)
		}
	}
	if r.cfg.From != nil {
		notes[NoteFrom] = r.cfg.FromName
		if r.mixed {
			notes[NoteShare] = strconv.FormatFloat(keptShare, 'g', -1, 64)
		}
	}
	maps.Copy(notes, r.cfg.Notes)
	return notes
}

func (r *run) result() Result {
	return Result{
		Steps: r.state.Step, Clips: len(r.sampler.starts), HeldOut: len(r.validation.starts), Best: r.state.Best,
		BestAt:      r.state.BestAt,
		Seen:        r.state.Step * r.cfg.Recipe.Batch,
		LearnFrames: r.frames[0], HeldFrames: r.frames[1],
	}
}
