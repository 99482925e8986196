package train

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"vigil/model"
)

// state is everything about a run except tensors. With the tensors of the same file, a run continues exactly where it
// stopped.
type state struct {
	Version int           `json:"version"`
	Spec    model.Spec    `json:"spec"`
	Recipe  string        `json:"recipe"`
	Seed    uint64        `json:"seed"`
	Videos  string        `json:"videos"` // digest of their content
	Epochs  int           `json:"epochs"` // 0: by time
	Budget  time.Duration `json:"budget"`
	From    string        `json:"from,omitempty"` // the weights that the run started from

	Step          int           `json:"step"`   // steps done
	Steps         int           `json:"steps"`  // in all; 0: not known yet
	ValidateEvery int           `json:"every"`  // steps from one validation to the next
	ValidatedAt   int           `json:"looked"` // the step after which the last validation was done
	Elapsed       time.Duration `json:"elapsed"`
	Best          *Validation   `json:"best"`
	BestAt        int           `json:"best_at"` // the step after which it was

	Summed bool `json:"summed,omitempty"` // the file has a checksum
}

const stateVersion = 1

// Prefixes of a checkpoint's tensors beside the network's own.
const (
	prefixFirst  = "adam.first."
	prefixSecond = "adam.second."
	prefixBest   = "best."
)

// Keys of the metadata.
const (
	stateKey = "training"
	sumKey   = "sha256" // over everything else in the file; see checksum
)

// checkpoint is a file from which a run can be resumed.
type checkpoint struct {
	state   state
	tensors map[string]model.Tensor
	adam    *adam
	best    *model.Weights // nil before the first validation
}

// write replaces the file atomically.
func (c *checkpoint) write(path string) error {
	all := maps.Clone(c.tensors)
	for name, values := range c.adam.first {
		all[prefixFirst+name] = model.Tensor{Shape: []int{len(values)}, Float: values}
	}
	for name, values := range c.adam.second {
		all[prefixSecond+name] = model.Tensor{Shape: []int{len(values)}, Float: values}
	}
	if c.best != nil {
		for name, t := range c.best.Tensors {
			all[prefixBest+name] = t
		}
	}
	s := c.state
	s.Summed = true
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	meta := map[string]string{stateKey: string(text), sumKey: checksum(string(text), all)}
	if err := model.WriteSafetensors(path, all, meta); err != nil {
		return fmt.Errorf("writing the checkpoint of step %d: %w", c.state.Step, err)
	}
	return nil
}

// checksum is the SHA-256 of a run's state and of every tensor's name, shape and values, in the order of their names.
func checksum(state string, tensors map[string]model.Tensor) string {
	h := sha256.New()
	var b []byte
	text := func(s string) {
		b = binary.LittleEndian.AppendUint64(b, uint64(len(s)))
		b = append(b, s...)
	}
	text(state)
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		t := tensors[name]
		text(name)
		text(fmt.Sprint(t.Shape, len(t.Float), len(t.Int)))
		for _, v := range t.Float {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
		for _, v := range t.Int {
			b = binary.LittleEndian.AppendUint64(b, uint64(v)) //nolint:gosec // Only its bits count.
		}
		_, _ = h.Write(b) // gives no error
		b = b[:0]
	}
	_, _ = h.Write(b)
	return hex.EncodeToString(h.Sum(nil))
}

// readCheckpoint reads a checkpoint and checks that it is complete and belongs to the run want, which is to be resumed.
func readCheckpoint(path string, want state) (*checkpoint, error) {
	all, meta, err := model.ReadSafetensors(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no interrupted run to resume: %w", err)
	}
	if err != nil {
		return nil, err
	}
	c := &checkpoint{tensors: map[string]model.Tensor{}, adam: &adam{
		first:  map[string][]float32{},
		second: map[string][]float32{},
	}}
	if err := json.Unmarshal([]byte(meta[stateKey]), &c.state); err != nil {
		return nil, fmt.Errorf("%s: not a checkpoint of a training run: %w", path, err)
	}
	if sum, ok := meta[sumKey]; (ok || c.state.Summed) && sum != checksum(meta[stateKey], all) {
		return nil, fmt.Errorf(
			"%s: the checkpoint is damaged: its content does not match its checksum; remove it to start over", path)
	}
	if err := c.state.checkMatches(want); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	best := map[string]model.Tensor{}
	for name, t := range all {
		if rest, ok := strings.CutPrefix(name, prefixFirst); ok {
			c.adam.first[rest] = t.Float
		} else if rest, ok := strings.CutPrefix(name, prefixSecond); ok {
			c.adam.second[rest] = t.Float
		} else if rest, ok := strings.CutPrefix(name, prefixBest); ok {
			best[rest] = t
		} else {
			c.tensors[name] = t
		}
	}
	if err := (&model.Weights{Spec: want.Spec, Tensors: c.tensors}).Check(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(best) > 0 {
		c.best = &model.Weights{Spec: want.Spec, Tensors: best}
		if err := c.best.Check(); err != nil {
			return nil, fmt.Errorf("%s: best weights: %w", path, err)
		}
	}
	names, learned := want.Spec.TensorNames()
	for i, name := range names {
		n := len(c.tensors[name].Float)
		if learned[i] && (len(c.adam.first[name]) != n || len(c.adam.second[name]) != n) {
			return nil, fmt.Errorf("%s: the moments of %s are missing or of another size", path, name)
		}
	}
	// In a run limited by time, the number of steps is not known at first.
	if s := &c.state; s.Step < 0 || s.Steps < 0 || s.Steps > 0 && s.ValidateEvery < 1 ||
		s.Best != nil && c.best == nil {
		return nil, fmt.Errorf("%s: the checkpoint contradicts itself", path)
	}
	return c, nil
}

// CheckpointFrom returns what the unfinished run of an output file started from, "" for nothing; ok is false if there
// is no such run.
func CheckpointFrom(out string) (from string, ok bool) {
	_, meta, err := model.ReadSafetensors(CheckpointPath(out))
	if err != nil {
		return "", false
	}
	var s state
	if err := json.Unmarshal([]byte(meta[stateKey]), &s); err != nil {
		return "", false
	}
	return s.From, true
}

func orNone(name string) string { return cmp.Or(name, "none") }

// checkMatches returns an error that lists the settings in which the run to be resumed differs.
func (s *state) checkMatches(want state) error {
	var bad []string
	note := func(what string, was, now any) {
		if was != now {
			bad = append(bad, fmt.Sprintf("%s was %v and is %v", what, was, now))
		}
	}
	note("version", s.Version, want.Version)
	was, now := &s.Spec, &want.Spec
	note("preset", was.Preset, now.Preset)
	note("side", was.Side, now.Side)
	note("channels", was.Channels, now.Channels)
	note("slots", was.Slots, now.Slots)
	note("lambda", was.Lambda, now.Lambda)
	note("addressing", was.Addressing, now.Addressing)
	note("score", was.Score, now.Score)
	note("number of scored frames", was.Last, now.Last)
	note("recipe", s.Recipe, want.Recipe)
	note("seed", s.Seed, want.Seed)
	note("number of epochs", s.Epochs, want.Epochs)
	note("start (--from)", orNone(s.From), orNone(want.From))
	note("time", s.Budget, want.Budget)
	// With another side, the digest differs for the same videos.
	if s.Videos != want.Videos && was.Side == now.Side {
		bad = append(bad, "the videos are different, or in another order")
	}
	if len(bad) == 0 {
		return nil
	}
	return fmt.Errorf("the run cannot be resumed: %s", strings.Join(slices.Compact(bad), ", "))
}
