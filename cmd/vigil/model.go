package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vigil/internal/output"
	"vigil/internal/terminal"
	"vigil/model"
	"vigil/model/train"
)

func modelCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "model",
		Short: "Look into weights, bring them in and out",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(modelInfoCommand(), modelImportCommand(), modelExportCommand())
	return c
}

// modelInfo is what `model info --json` prints.
type modelInfo struct {
	Name       string  `json:"name"`
	Version    string  `json:"version"`
	Preset     string  `json:"preset,omitempty"`
	Side       int     `json:"side"`
	Channels   [4]int  `json:"channels"`
	Slots      int     `json:"slots"`
	Lambda     float64 `json:"lambda"`
	Addressing string  `json:"addressing"`
	Score      string  `json:"score"`
	Scored     int     `json:"scored_frames"`
	Parameters int     `json:"parameters"`
	GFLOP      float64 `json:"gflop"` // a clip, taps on padding not counted
	Hash       string  `json:"hash"`
	// frames a second that it was trained on; 0 where the file does not say
	FPS     float64           `json:"fps,omitempty"`
	Trained string            `json:"trained,omitempty"`  // the day; empty where the file does not say
	HeldOut *heldOut          `json:"held_out,omitempty"` // nil where the file does not say
	Notes   map[string]string `json:"notes,omitempty"`
}

// heldOut is how weights did on video that was kept from their training.
type heldOut struct {
	Clips  int      `json:"clips"`
	Normal float64  `json:"normal"`           // the mean score of normal clips
	Pseudo *float64 `json:"pseudo,omitempty"` // the same with a pseudo-anomaly in them; nil where there was none
	AUC    *float64 `json:"auc,omitempty"`    // the chance that one of those scores above a normal one
}

func modelInfoCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "info FILE",
		Short: "Say what a file of weights is",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			info, err := describe(args[0])
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if asJSON {
				text, err := json.MarshalIndent(info, "", "  ")
				if err == nil {
					_, err = out.Write(append(terminal.EscapeJSON(text), '\n'))
				}
				return err
			}
			_, err = fmt.Fprint(out, info)
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func describe(path string) (*modelInfo, error) {
	w, err := model.ReadWeights(path)
	if err != nil {
		return nil, err
	}
	m, err := model.Load(path)
	if err != nil {
		return nil, err
	}
	s := m.Spec()
	info := &modelInfo{
		Name: m.Name(), Version: m.Version(), Preset: s.Preset, Side: s.Side, Channels: s.Channels, Slots: s.Slots,
		Lambda:     s.Lambda,
		Addressing: s.Addressing, Score: s.Score, Scored: s.ScoredFrames(), Parameters: s.Parameters(),
		GFLOP: m.FLOPs() / 1e9,
		Hash:  m.Hash(), Notes: w.Notes,
	}
	info.takeNotes()
	return info, nil
}

// takeNotes moves what a training run has noted to fields of its own. What is not a number there stays a note.
func (i *modelInfo) takeNotes() {
	number := func(key string) *float64 {
		v, err := strconv.ParseFloat(i.Notes[key], 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
		delete(i.Notes, key)
		return &v
	}
	if fps := number(train.NoteFPS); fps != nil {
		i.FPS = *fps
	}
	if _, err := time.Parse(time.DateOnly, i.Notes[train.NoteTrained]); err == nil {
		i.Trained = i.Notes[train.NoteTrained]
		delete(i.Notes, train.NoteTrained)
	}
	if clips, normal := number(train.NoteHeldClips), number(train.NoteHeldNormal); clips != nil && normal != nil {
		i.HeldOut = &heldOut{
			Clips: int(*clips), Normal: *normal, Pseudo: number(train.NoteHeldPseudo),
			AUC: number(train.NoteHeldAUC),
		}
	}
}

func (i *modelInfo) String() string {
	var b strings.Builder
	line := func(key, format string, args ...any) {
		fmt.Fprintf(&b, "%-12s"+format+"\n", append([]any{key}, args...)...)
	}
	line("name", "%s", terminal.Printable(i.Name))
	line("version", "%s", terminal.Printable(i.Version))
	if i.Preset != "" {
		line("preset", "%s", i.Preset)
	}
	line("input", "%d frames of %d x %d", model.Frames, i.Side, i.Side)
	line("channels", "%d, %d, %d, %d", i.Channels[0], i.Channels[1], i.Channels[2], i.Channels[3])
	line("memory", "%d slots, %s addressing, lambda %g", i.Slots, i.Addressing, i.Lambda)
	if i.Scored == model.Frames {
		line("score", "%s", i.Score)
	} else {
		line("score", "%s of a clip's last %d frames", i.Score, i.Scored)
	}
	fps, trained := "unknown", "unknown"
	if i.FPS > 0 {
		fps = fmt.Sprintf("%.4g frames a second", i.FPS)
	}
	if i.Trained != "" {
		trained = terminal.Printable(i.Trained)
	}
	line("rate", "%s", fps)
	line("trained", "%s", trained)
	line("held out", "%s", i.HeldOut)
	line("size", "%d parameters, %.3g GFLOP a clip", i.Parameters, i.GFLOP)
	line("sha256", "%s", i.Hash)
	for _, key := range slices.Sorted(maps.Keys(i.Notes)) {
		line(terminal.Printable(key), "%s", terminal.Printable(i.Notes[key]))
	}
	return b.String()
}

func (h *heldOut) String() string {
	if h == nil {
		return "unknown"
	}
	text := fmt.Sprintf("%d clips score %.4g", h.Clips, h.Normal)
	if h.Pseudo != nil {
		text += fmt.Sprintf(", with something too fast in them %.4g", *h.Pseudo)
	}
	if h.AUC != nil {
		text += fmt.Sprintf(", AUC between them %.3f", *h.AUC)
	}
	return text
}

// importFlags are those of `model import`; what is not given comes from the file or from the defaults.
type importFlags struct {
	output, preset, addressing, score, name, version string
	prefix                                           string
	side                                             int
	lambda                                           float64
}

func modelImportCommand() *cobra.Command {
	var f importFlags
	c := &cobra.Command{
		Use:   "import FILE -o FILE",
		Short: "Make weights of a PyTorch state dict",
		Long: "Make weights of a PyTorch state dict, as torch.save wrote it in any version, or of safetensors " +
			"without hyper-parameters. It may lie in a\n" +
			"checkpoint, beside other things, and all its names may begin with module., model., _orig_mod. or the " +
			"like. Nothing in it is executed.\n" +
			"Channels and slots are read from the shapes. The input side is in no shape: say --preset or --side, " +
			"unless exactly one\n" +
			"preset has these channels and slots.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := f.weights(cmd, args[0])
			if err != nil {
				return err
			}
			if err := w.Write(f.output); err != nil {
				return err
			}
			if output.Through(f.output) {
				return nil // it cannot be read again
			}
			info, err := describe(f.output)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), info)
			return err
		},
	}
	flags := c.Flags()
	flags.StringVarP(&f.output, "output", "o", "", "the weights to write (safetensors)")
	flags.StringVar(&f.prefix, "prefix", "",
		"what the names of the network's tensors begin with, where the file has several networks")
	flags.StringVar(&f.preset, "preset", "", "the network's name")
	flags.IntVar(&f.side, "side", 0, "the side of its input in pixels, a multiple of 16")
	flags.StringVar(&f.addressing, "addressing", model.Dot, "how it compares: dot or cosine")
	flags.Float64Var(&f.lambda, "lambda", 0, "its hard shrinkage (default 1/slots; the released code has 0.0025)")
	flags.StringVar(&f.score, "score", model.MeanAbs, "how a clip becomes one number: mean_abs or block_sq")
	flags.StringVar(&f.name, "name", "", "what to call the weights (default: the file's name)")
	flags.StringVar(&f.version, "version", "",
		"which of their versions this is, for the alerts (default: the beginning of the SHA-256)")
	return c
}

// weights reads the state dict and joins it with the flags. What a flag can mend is a usageError.
func (f *importFlags) weights(cmd *cobra.Command, path string) (*model.Weights, error) {
	if f.output == "" {
		return nil, usageError{fmt.Errorf("--output is missing: say where to write the weights")}
	}
	if f.preset != "" && f.side != 0 {
		return nil, usageError{fmt.Errorf("--preset and --side are given, one of them is enough")}
	}
	tensors, err := model.ReadStateDict(path, f.prefix)
	if errors.Is(err, model.ErrPrefix) {
		return nil, usageError{err}
	}
	if err != nil {
		return nil, err
	}
	spec, err := model.InferSpec(tensors)
	if err != nil {
		return nil, fmt.Errorf(
			"%s: %w\nonly MemAE with its released code's names can be imported: encoder.0.weight and so on", path, err)
	}
	if err := f.size(&spec); err != nil {
		return nil, usageError{err}
	}
	spec.Addressing, spec.Score = f.addressing, f.score
	if cmd.Flags().Changed("lambda") {
		spec.Lambda = f.lambda
	}
	if err := spec.Validate(); err != nil {
		return nil, usageError{err}
	}
	w, err := model.FromStateDict(tensors, spec)
	if err != nil {
		return nil, fmt.Errorf(
			"%s: %w\nthe state dict must have the tensors of MemAE and no others: save it again without what is not "+
				"the network's", path, err)
	}
	w.Name, w.Version = f.name, f.version
	return w, nil
}

// size fixes the preset and the side.
func (f *importFlags) size(spec *model.Spec) error {
	if f.preset != "" {
		p, err := model.FindPreset(f.preset)
		if err != nil {
			return fmt.Errorf("--preset: %w", err)
		}
		if p.Channels != spec.Channels || p.Slots != spec.Slots {
			return fmt.Errorf("--preset %s has channels %v and %d slots, the file has %v and %d", f.preset, p.Channels,
				p.Slots, spec.Channels, spec.Slots)
		}
		spec.Preset, spec.Side = p.Preset, p.Side
		return nil
	}
	alike := spec.MatchingPresets()
	if f.side == 0 {
		if spec.Side != 0 {
			return nil
		}
		why := "no preset has"
		if len(alike) > 1 {
			var names []string
			for _, p := range alike {
				names = append(names, fmt.Sprintf("%s (%d)", p.Preset, p.Side))
			}
			why = strings.Join(names, " and ") + " have"
		}
		return fmt.Errorf(
			"--side is missing: the weights do not say the size of the input, and %s the channels %v with %d slots",
			why, spec.Channels, spec.Slots)
	}
	spec.Side, spec.Preset = f.side, ""
	for _, p := range alike {
		if p.Side == f.side {
			spec.Preset = p.Preset
		}
	}
	return nil
}
