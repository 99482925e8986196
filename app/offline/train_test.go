package offline

import (
	"path/filepath"
	"strings"
	"testing"

	"vigil/model"
	"vigil/model/train"
	"vigil/weights"
)

// A training starts from the base weights by default, if they are the same network.
func TestTrainingStartsFromBase(t *testing.T) {
	no := 0
	for _, c := range []struct {
		name  string
		o     TrainOptions
		from  string // the beginning of the start's name; "" for nothing
		start string
	}{
		{"default", TrainOptions{}, weights.BaseStreet + " ", weights.BaseStreet + " "},
		{"glide", TrainOptions{Options: train.Options{Recipe: train.Glide}}, weights.BaseStreet + " ", ""},
		{"base", TrainOptions{From: weights.Base}, weights.Base + " ", ""},
		{"another rate", TrainOptions{}, "", "nothing, since base-street is of another frame rate"},
		{"none", TrainOptions{From: FromNone}, "", "nothing"},
		{"fast", TrainOptions{Options: train.Options{Preset: "fast"}}, weights.BaseStreetFast + " ", ""},
		{"another side", TrainOptions{Options: train.Options{Preset: "accurate"}}, weights.BaseStreet + " ", ""},
		{"no memory", TrainOptions{Options: train.Options{Slots: &no}}, weights.BaseStreet + " ", ""},
		{
			"other layers",
			TrainOptions{Options: train.Options{Preset: "tiny"}},
			"",
			"nothing, since no base weights have",
		},
		{
			"the paper's recipe",
			TrainOptions{Options: train.Options{Recipe: train.Paper}},
			"",
			"nothing, as the paper does",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			training := &Training{Recordings: &Recordings{}, fps: train.DefaultFPS}
			if c.name == "another rate" {
				fps := 25.
				training.Settings.FPS = &fps
			}
			training.Config.Out = filepath.Join(t.TempDir(), "m.safetensors")
			if c.o.Preset == "" {
				c.o.Preset = "small"
			}
			if c.o.Recipe == "" {
				c.o.Recipe = train.LocalSpeed
			}
			c.o.Addressing = model.Dot
			if err := c.o.Apply(&training.Config); err != nil {
				t.Fatal(err)
			}
			if err := training.start(&c.o); err != nil {
				t.Fatal(err)
			}
			name := training.Config.FromName
			if (training.Config.From != nil) != (c.from != "") || !strings.HasPrefix(name, c.from) ||
				c.from == "" && name != "" ||
				!strings.HasPrefix(training.Start, c.start) {
				t.Errorf("starts from %q, %q", name, training.Start)
			}
		})
	}
}
