package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"vigil/model"
)

// film draws a video of a square that moves over a shaded ground.
func film(name string, side, frames, shift int) Video {
	v := Video{Name: name, Width: 4 * side, Height: 3 * side, Side: side, Gray: make([]byte, frames*side*side)}
	for t := range frames {
		for i := range side * side {
			y, x := i/side, i%side
			grey := 60 + 3*y
			if dx := (x + 10*side - t - shift) % side; dx < side/4 && y >= side/4 && y < side/2+shift%3 {
				grey = 220
			}
			v.Gray[t*side*side+i] = byte(grey)
		}
	}
	return v
}

func testVideos() []Video {
	var all []Video
	for i, name := range []string{"a", "b", "c", "d", "e"} {
		all = append(all, film(name, 16, 40+8*i, 3*i))
	}
	return all
}

// micro configures a run of the smallest network with a temporary folder.
func micro(t *testing.T) Config {
	t.Helper()
	spec, err := model.FindPreset("micro")
	if err != nil {
		t.Fatal(err)
	}
	recipe, err := FindRecipe(LocalSpeed)
	if err != nil {
		t.Fatal(err)
	}
	return Config{
		Spec: spec, Recipe: recipe, Seed: 7, Epochs: 2, Threads: 1,
		Out: filepath.Join(t.TempDir(), "m.safetensors"),
	}
}

func mustRun(t *testing.T, cfg Config) Result {
	t.Helper()
	result, err := Run(t.Context(), cfg, testVideos())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(CheckpointPath(cfg.Out)); err == nil {
		t.Error("a finished run left its checkpoint")
	}
	return result
}

func content(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRunLearnsAndIsTheSameEachTime(t *testing.T) {
	for _, recipe := range Recipes {
		t.Run(recipe.Name, func(t *testing.T) {
			var first []byte
			for _, threads := range []int{1, 3} {
				cfg := micro(t)
				cfg.Recipe, cfg.Threads = recipe, threads
				if recipe.Name == Paper {
					cfg.Recipe.Rate, cfg.Recipe.Batch = 1e-3, 5 // for only two epochs
				}
				var losses []float64
				watched := 0
				cfg.Progress = func(p Progress) {
					losses = append(losses, p.Square)
					if p.Validation != nil {
						watched++
						if p.Validation.Normal <= 0 || p.Validation.HasAUC() != (recipe.Pseudo > 0) ||
							p.Validation.PseudoClips > maxValidationClips {
							t.Errorf("step %d: held-out clips give %+v", p.Step, *p.Validation)
						}
					}
					if p.ZeroRows != 0 || p.SlotsUsed < 1 || p.SlotsUsed > cfg.Spec.Slots || p.Steps < p.Step {
						t.Errorf("progress %+v", p)
					}
				}
				result := mustRun(t, cfg)
				n := len(losses)
				if n != result.Steps || watched < minValidations || mean(losses[n-5:]) > 0.7*mean(losses[:5]) {
					t.Errorf("%d steps, %d validations, losses %v … %v", result.Steps, watched, losses[:5],
						losses[n-5:])
				}
				got := content(t, cfg.Out)
				if first == nil {
					first = got
				}
				if !bytes.Equal(first, got) {
					t.Errorf("the second time, with %d threads, the file differs", threads)
				}
				w, err := model.ReadWeights(cfg.Out)
				if err != nil || w.Spec.Score != recipe.Score || w.Spec.Last != recipe.Last ||
					w.Notes["recipe"] != recipe.Name || w.Notes["seed"] != "7" {
					t.Errorf("weights for %s, notes %v, %v", w.Spec.Score, w.Notes, err)
				}
			}
			cfg := micro(t)
			cfg.Recipe, cfg.Seed, cfg.Epochs = recipe, 8, 1
			mustRun(t, cfg)
			if bytes.Equal(first, content(t, cfg.Out)) {
				t.Error("another seed gives the same file")
			}
		})
	}
}

// stopAt runs until the given number of steps, then interrupts.
func stopAt(t *testing.T, cfg Config, step int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cfg.Progress = func(p Progress) {
		if p.Step == step {
			cancel()
		}
	}
	if _, err := Run(ctx, cfg, testVideos()); !errors.Is(err, ErrStopped) {
		t.Fatalf("an interrupted run gives %v", err)
	}
}

func TestResumeIsBitForBit(t *testing.T) {
	whole := micro(t)
	mustRun(t, whole)
	parts := micro(t)
	for _, step := range []int{1, 11, 22} { // before, at and after a validation
		stopAt(t, parts, step)
		parts.Resume = true
	}
	// The checkpoint also holds the best weights so far.
	kept := content(t, parts.Out)
	if err := os.Remove(parts.Out); err != nil {
		t.Fatal(err)
	}
	stopAt(t, parts, 23)
	if !bytes.Equal(kept, content(t, parts.Out)) {
		t.Error("resuming does not bring the best weights back")
	}
	mustRun(t, parts)
	if !bytes.Equal(content(t, whole.Out), content(t, parts.Out)) {
		t.Error("a run that was interrupted four times gives another file than one that was not")
	}
}

// countdown is a context that ends after the given number of calls of Err.
type countdown struct {
	context.Context //nolint:containedctx // implements a context
	left            int
}

func (c *countdown) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

// TestResumeInAValidation interrupts a validation, which restarts from its beginning.
func TestResumeInAValidation(t *testing.T) {
	whole := micro(t)
	mustRun(t, whole)
	parts := micro(t)
	inALook := 0
	for {
		// A validation calls Err once per clip, at most 15 for these videos.
		_, err := Run(&countdown{t.Context(), 17}, parts, testVideos())
		if err == nil {
			break
		}
		if !errors.Is(err, ErrStopped) {
			t.Fatal(err)
		}
		_, meta, err := model.ReadSafetensors(CheckpointPath(parts.Out))
		if err != nil {
			t.Fatal(err)
		}
		var s state
		if err := json.Unmarshal([]byte(meta[stateKey]), &s); err != nil {
			t.Fatal(err)
		}
		if (&run{state: s}).validationDue() && s.ValidatedAt != s.Step {
			inALook++
		}
		parts.Resume = true
	}
	if inALook == 0 {
		t.Error("no interruption fell into a validation")
	}
	if !bytes.Equal(content(t, whole.Out), content(t, parts.Out)) {
		t.Error("a run whose validations were interrupted gives another file")
	}
}

func TestResumeRefusesAnotherRun(t *testing.T) {
	cfg := micro(t)
	stopAt(t, cfg, 2)
	path := CheckpointPath(cfg.Out)
	refused := func(cfg Config, videos []Video, want string) {
		t.Helper()
		if _, err := Run(t.Context(), cfg, videos); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	refused(cfg, testVideos(), path+" is the checkpoint of an unfinished run")
	cfg.Resume = true
	other := cfg
	other.Seed = 8
	refused(other, testVideos(), "seed was 7 and is 8")
	other = cfg
	other.Epochs = 5
	refused(other, testVideos(), "number of epochs was 2 and is 5")
	other = cfg
	other.Spec.Slots = 9
	refused(other, testVideos(), "slots was 7 and is 9")
	refused(cfg, testVideos()[1:], "the videos are different")
	raw := content(t, path)
	if err := os.WriteFile(path, raw[:len(raw)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	refused(cfg, testVideos(), path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	refused(cfg, testVideos(), "there is no interrupted run to resume")
}

func TestDivergenceKeepsTheLastGoodCheckpoint(t *testing.T) {
	cfg := micro(t)
	cfg.Recipe.Rate, cfg.Recipe.WarmUp = 1e30, 0
	last := 0
	cfg.Progress = func(p Progress) { last = p.Step }
	_, err := Run(t.Context(), cfg, testVideos())
	var diverged *DivergedError
	if !errors.As(err, &diverged) || diverged.Step != last+1 {
		t.Fatalf("after step %d: %v", last, err)
	}
	_, meta, err := model.ReadSafetensors(diverged.Checkpoint)
	if err != nil || !strings.Contains(meta[stateKey], `"step":`+string(rune('0'+last))) {
		t.Errorf("the checkpoint is of %v, %v", meta, err)
	}
}

func TestTooLittleVideo(t *testing.T) {
	small := testVideos()
	small[2].Width = 99
	other := testVideos()
	other[1].Side = 32
	for name, c := range map[string]struct {
		videos []Video
		change func(*Config)
		want   string
	}{
		"no video": {nil, nil, "too little video: there is none"},
		"too few frames": {
			[]Video{film("a", 16, 21, 0)},
			nil,
			"too little video: 3 clips of 16 consecutive frames for training, need at least 4",
		},
		"two sizes":    {small, nil, "c: pictures are 99x48, those of a 64x48"},
		"another side": {other, nil, "b: 12288 bytes of 32 x 32 pixels, the model takes 16 x 16"},
		"no folder": {
			testVideos(), func(c *Config) { c.Out = filepath.Join(c.Out, "no", "m") },
			"no such file or directory",
		},
		"bad network": {testVideos(), func(c *Config) { c.Spec.Side = 17 }, "side 17"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := micro(t)
			if c.change != nil {
				c.change(&cfg)
			}
			if _, err := Run(t.Context(), cfg, c.videos); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			if _, err := os.Stat(cfg.Out); err == nil {
				t.Error("weights were written")
			}
		})
	}
}

// TestFullDisk limits the size of files, as a full disk does.
func TestFullDisk(t *testing.T) {
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	cfg := micro(t)
	cfg.Epochs = 1
	cfg.Progress = func(p Progress) {
		if p.Step == 3 {
			full := syscall.Rlimit{Cur: 2000, Max: limit.Max}
			if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
				t.Fatal(err)
			}
		}
	}
	_, err := Run(t.Context(), cfg, testVideos())
	if restored := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); restored != nil {
		t.Fatal(restored)
	}
	if !errors.Is(err, syscall.EFBIG) || !strings.Contains(err.Error(), filepath.Dir(cfg.Out)) {
		t.Errorf("error %v, want the file's and its folder", err)
	}
	// The previous checkpoint is intact, and the run can be resumed from it.
	cfg.Progress, cfg.Resume = nil, true
	mustRun(t, cfg)
}

// TestBudget expects a run limited by time to fit its steps into that time, at any speed, and also after an
// interruption.
func TestBudget(t *testing.T) {
	for _, perCall := range []time.Duration{250 * time.Millisecond, 3 * time.Second} {
		cfg := micro(t)
		clock := time.Unix(1e9, 0)
		cfg.Now = func() time.Time {
			clock = clock.Add(perCall)
			return clock
		}
		cfg.Epochs, cfg.Budget = 0, 20*time.Second
		began := clock
		stopAt(t, cfg, 1)
		cfg.Resume = true
		result := mustRun(t, cfg)
		took := clock.Sub(began)
		if took < cfg.Budget*8/10 || took > cfg.Budget*11/10+6*perCall {
			t.Errorf("a clock of %v: %d steps took %v of %v", perCall, result.Steps, took, cfg.Budget)
		}
		if result.BestAt == 0 {
			t.Errorf("a clock of %v: nothing was kept", perCall)
		}
	}
}

func TestStepsLeakNothing(t *testing.T) {
	cfg := micro(t)
	cfg.Epochs, cfg.Recipe.Batch = 1000, 1
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	live := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := runtime.NumGoroutine()
	var early uint64
	cfg.Progress = func(p Progress) {
		switch p.Step {
		case 200: // after a validation
			early = live()
		case 200 + leakSteps:
			if late := live(); late > early+early/20 {
				t.Errorf("%d bytes after 200 steps, %d after %d more", early, late, leakSteps)
			}
			cancel()
		}
	}
	if _, err := Run(ctx, cfg, []Video{film("long", 16, 400, 0)}); !errors.Is(err, ErrStopped) {
		t.Fatal(err)
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
}

// TestWithoutMemory trains the plain autoencoder without a memory.
func TestWithoutMemory(t *testing.T) {
	cfg := micro(t)
	cfg.Spec.Slots, cfg.Spec.Lambda, cfg.Epochs = 0, 0, 4
	var first, last Progress
	cfg.Progress = func(p Progress) {
		if first.Step == 0 {
			first = p
		}
		last = p
	}
	mustRun(t, cfg)
	if !(last.Square < first.Square) || last.Entropy != 0 || last.SlotsUsed != 0 || last.ZeroRows != 0 {
		t.Errorf("from %+v to %+v: expected it to learn, without any mention of a memory", first, last)
	}
	w, err := model.ReadWeights(cfg.Out)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := w.Tensors[model.MemoryName]; ok || w.Spec.Slots != 0 {
		t.Errorf("%d slots in the file", w.Spec.Slots)
	}
	m, err := model.New(w)
	if err != nil {
		t.Fatal(err)
	}
	scorer := m.NewScorer(1)
	defer scorer.Close()
	side := w.Spec.Side
	if s, err := scorer.Score(make([]float32, model.Frames*side*side), nil); err != nil || !(s.Error >= 0) {
		t.Errorf("score %v, error %v", s.Error, err)
	}
}
