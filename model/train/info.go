package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"vigil/internal/output"
	"vigil/internal/terminal"
	"vigil/model"
)

// Info describes a file of weights, in JSON and in lines for people.
type Info struct {
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
	// Placeless weights know no place: a camera's calibration has its background.
	Placeless bool `json:"placeless,omitempty"`
	// frames a second that it was trained on; 0 where the file does not say
	FPS     float64           `json:"fps,omitempty"`
	Trained string            `json:"trained,omitempty"`  // the day; empty where the file does not say
	HeldOut *HeldOut          `json:"held_out,omitempty"` // nil where the file does not say
	Notes   map[string]string `json:"notes,omitempty"`
}

// HeldOut is how weights did on video that was kept from their training.
type HeldOut struct {
	Clips  int      `json:"clips"`
	Normal float64  `json:"normal"`           // the mean score of normal clips
	Pseudo *float64 `json:"pseudo,omitempty"` // the same with a pseudo-anomaly in them; nil where there was none
	AUC    *float64 `json:"auc,omitempty"`    // the chance that one of those scores above a normal one
}

// Describe reads weights.
func Describe(path string) (*Info, error) {
	w, err := model.ReadWeights(path)
	if err != nil {
		return nil, err
	}
	m, err := model.Load(path)
	if err != nil {
		return nil, err
	}
	return DescribeLoaded(w, m), nil
}

// DescribeLoaded is Describe for weights that were read and loaded.
func DescribeLoaded(w *model.Weights, m *model.Model) *Info {
	s := m.Spec()
	info := &Info{
		Name: m.Name(), Version: m.Version(), Preset: s.Preset, Side: s.Side, Channels: s.Channels, Slots: s.Slots,
		Lambda:     s.Lambda,
		Addressing: s.Addressing, Score: s.Score, Scored: s.ScoredFrames(), Parameters: s.Parameters(),
		GFLOP: m.FLOPs() / 1e9,
		Hash:  m.Hash(), Placeless: w.Placeless, Notes: w.Notes,
	}
	info.takeNotes()
	return info
}

// Import makes the weights file to of a PyTorch state dict, as model.Import does, and describes it. The description is
// nil where to cannot be read again, as a pipe cannot.
func Import(path, to string, o model.ImportOptions) (*Info, error) {
	if to == "" {
		return nil, &model.OptionError{Err: errors.New("--output is missing: give the weights file to write")}
	}
	w, err := model.Import(path, o)
	if err != nil {
		return nil, err
	}
	if err := w.Write(to); err != nil || output.Through(to) {
		return nil, err
	}
	return Describe(to)
}

// PrintJSON prints the description as JSON that cannot steer a terminal.
func (i *Info) PrintJSON(w io.Writer) error {
	text, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(terminal.EscapeJSON(text), '\n'))
	return err
}

// Print prints the description in lines.
func (i *Info) Print(w io.Writer) error {
	_, err := fmt.Fprint(w, i)
	return err
}

// takeNotes moves what a training run has noted to fields of its own. What is not a number there stays a note.
func (i *Info) takeNotes() {
	number := func(key string) *float64 {
		v, err := strconv.ParseFloat(i.Notes[key], 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
		delete(i.Notes, key)
		return &v
	}
	if fps := number(NoteFPS); fps != nil {
		i.FPS = *fps
	}
	if _, err := time.Parse(time.DateOnly, i.Notes[NoteTrained]); err == nil {
		i.Trained = i.Notes[NoteTrained]
		delete(i.Notes, NoteTrained)
	}
	if clips, normal := number(NoteHeldClips), number(NoteHeldNormal); clips != nil && normal != nil {
		i.HeldOut = &HeldOut{
			Clips: int(*clips), Normal: *normal, Pseudo: number(NoteHeldPseudo),
			AUC: number(NoteHeldAUC),
		}
	}
}

func (i *Info) String() string {
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
	if i.Placeless {
		line("place", "%s", "none: needs the background that a camera's calibration has")
	}
	line("trained", "%s", trained)
	line("held out", "%s", i.HeldOut)
	if from := i.Notes[NoteFrom]; from != "" {
		if share := i.Notes[NoteShare]; share != "" {
			from += ", a share of " + share
		}
		line("from", "%s", terminal.Printable(from))
	}
	line("size", "%d parameters, %.3g GFLOP a clip", i.Parameters, i.GFLOP)
	line("sha256", "%s", i.Hash)
	for _, key := range slices.Sorted(maps.Keys(i.Notes)) {
		if key == NoteFrom || key == NoteShare {
			continue
		}
		line(terminal.Printable(key), "%s", terminal.Printable(i.Notes[key]))
	}
	return b.String()
}

func (h *HeldOut) String() string {
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

// Print prints a run's result, with the weights in the file path, after so long.
func (r Result) Print(w io.Writer, path string, took time.Duration) {
	fmt.Fprintf(w, "%s: learned %d clips of %d frames in %d steps, %s\n", filepath.Base(path), r.Clips, r.LearnFrames,
		r.Steps, took.Round(time.Second))
	if r.Best == nil {
		fmt.Fprintln(w,
			"too little video to hold any out: the last weights were saved without a validation")
		return
	}
	fmt.Fprintf(w, "saved: step %d, on %d held-out frames %s\n", r.BestAt, r.HeldFrames, r.Best)
}

// PrintJSON prints the same as an object on a line.
func (r Result) PrintJSON(w io.Writer, path string, took time.Duration) error {
	return json.NewEncoder(w).Encode(map[string]any{
		"model": path, "steps": r.Steps, "clips": r.Clips, "frames": r.LearnFrames, "held_out_frames": r.HeldFrames,
		"best": r.Best, "best_step": r.BestAt, "seconds": math.Round(took.Seconds()*10) / 10,
	})
}

// String says how held-out clips score.
func (a Validation) String() string {
	if !a.HasAUC() {
		return fmt.Sprintf("loss %.5f, normal clips score %.4g", a.Loss, a.Normal)
	}
	return fmt.Sprintf("loss %.5f, normal clips score %.4g, sped-up ones %.4g, AUC between them %.3f", a.Loss, a.Normal,
		a.Pseudo, a.AUC)
}
