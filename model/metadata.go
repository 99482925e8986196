package model

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"vigil/internal/errcode"
)

// The metadata keys that a Spec is read from. All other keys go to Weights.Notes.
const (
	keyPreset     = "preset"
	keySide       = "side"
	keyChannels   = "channels"
	keySlots      = "slots"
	keyLambda     = "lambda"
	keyAddressing = "addressing"
	keyScore      = "score"
	keyLast       = "last"
	keyName       = "name"
	keyVersion    = "version"
	keyPlace      = "place"
)

// placeNone is the place of Placeless weights.
const placeNone = "none"

// ErrNoSpec says that a file holds tensors but no hyper-parameters.
var ErrNoSpec = errcode.WeightsNoMetadata.New("no hyper-parameters in the metadata: run `vigil model import` on it")

// ReadWeights reads and checks a safetensors file with a Spec in its metadata.
func ReadWeights(path string) (*Weights, error) {
	raw, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return ParseWeights(raw, path)
}

// ParseWeights is ReadWeights for the content of a file; path is for errors.
func ParseWeights(raw []byte, path string) (*Weights, error) {
	w, err := parseWeights(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, withCode(err))
	}
	return w, nil
}

// NoteFPS is the key of the training rate, in frames a second, in the metadata.
const NoteFPS = "fps"

// FPS is the rate, in frames a second, at which the weights were trained; 0 if they do not say.
func (w *Weights) FPS() float64 {
	fps, err := strconv.ParseFloat(w.Notes[NoteFPS], 64)
	if err != nil || !(fps > 0 && fps <= maxFPS) {
		return 0
	}
	return fps
}

// maxFPS is the highest rate that is taken for one.
const maxFPS = 120

func parseWeights(raw []byte) (*Weights, error) {
	tensors, meta, err := parseSafetensors(raw)
	if err != nil {
		return nil, err
	}
	w := &Weights{Tensors: tensors}
	if err := w.setMetadata(meta); err != nil {
		return nil, err
	}
	if err := w.Check(); err != nil {
		return nil, err
	}
	return w, nil
}

// Write checks w and writes it as safetensors, atomically.
func (w *Weights) Write(path string) error {
	if err := w.Check(); err != nil {
		return err
	}
	return WriteSafetensors(path, w.Tensors, w.metadata())
}

func (w *Weights) metadata() map[string]string {
	meta := maps.Clone(w.Notes)
	if meta == nil {
		meta = map[string]string{}
	}
	s := w.Spec
	var channels []string
	for _, c := range s.Channels {
		channels = append(channels, strconv.Itoa(c))
	}
	last, place := "", ""
	if w.Placeless {
		place = placeNone
	}
	if s.Last != 0 {
		last = strconv.Itoa(s.Last)
	}
	for key, value := range map[string]string{
		keyPreset: s.Preset, keySide: strconv.Itoa(s.Side), keyChannels: strings.Join(channels, ","),
		keySlots:  strconv.Itoa(s.Slots),
		keyLambda: strconv.FormatFloat(s.Lambda, 'g', -1, 64), keyAddressing: s.Addressing, keyScore: s.Score,
		keyLast: last, keyName: w.Name, keyVersion: w.Version, keyPlace: place,
	} {
		if value != "" {
			meta[key] = value
		}
	}
	return meta
}

func (w *Weights) setMetadata(meta map[string]string) error {
	if meta[keySide] == "" {
		return ErrNoSpec
	}
	var bad []error
	number := func(key, text string) int {
		n, err := strconv.Atoi(text)
		if err != nil {
			bad = append(bad, fmt.Errorf("metadata %s: %s is not a whole number", key, shorten(text)))
		}
		return n
	}
	s := Spec{Preset: meta[keyPreset], Addressing: meta[keyAddressing], Score: meta[keyScore]}
	s.Side = number(keySide, meta[keySide])
	s.Slots = number(keySlots, meta[keySlots])
	if meta[keyLast] != "" {
		s.Last = number(keyLast, meta[keyLast])
	}
	channels := strings.Split(meta[keyChannels], ",")
	if len(channels) != len(s.Channels) {
		bad = append(bad, fmt.Errorf("metadata %s: %s, expected %d numbers with commas between", keyChannels,
			shorten(meta[keyChannels]), len(s.Channels)))
	} else {
		for i := range s.Channels {
			s.Channels[i] = number(keyChannels, channels[i])
		}
	}
	lambda, err := strconv.ParseFloat(meta[keyLambda], 64)
	if err != nil {
		bad = append(bad, fmt.Errorf("metadata %s: %s is not a number", keyLambda, shorten(meta[keyLambda])))
	}
	s.Lambda = lambda
	if s.Addressing == "" {
		s.Addressing = Dot
	}
	if s.Score == "" {
		s.Score = MeanAbs
	}
	w.Spec, w.Name, w.Version = s, meta[keyName], meta[keyVersion]
	w.Placeless = meta[keyPlace] == placeNone
	w.Notes = maps.Clone(meta)
	for _, key := range []string{
		keyPreset, keySide, keyChannels, keySlots, keyLambda, keyAddressing, keyScore, keyLast,
		keyName, keyVersion, keyPlace,
	} {
		delete(w.Notes, key)
	}
	return errors.Join(bad...)
}
