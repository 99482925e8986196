package train

import (
	"math"
	"path/filepath"
	"slices"
	"testing"

	"vigil/model"
)

// A run on several places compares each with its own background, and makes weights that know none.
func TestSeveralPlaces(t *testing.T) {
	videos := testVideos()
	for i := range videos {
		videos[i].Place = []string{"a", "b"}[i%2]
	}
	at := places(videos)
	if at[0] == at[1] || at[0] != at[2] || at[1] != at[3] {
		t.Error("videos of one place do not share a background")
	}
	want := make([]float32, 16*16)
	background(want, []Video{videos[1], videos[3]})
	if !slices.Equal(at[1].scaled, want) {
		t.Error("a place's background is not the median of its videos")
	}
	if places(testVideos()) != nil {
		t.Error("videos without places are of several")
	}
	c := micro(t)
	c.Recipe.Score = model.BlockMotion
	if _, err := Run(t.Context(), c, videos); err != nil {
		t.Fatal(err)
	}
	w, err := model.ReadWeights(c.Out)
	if err != nil {
		t.Fatal(err)
	}
	if !w.Placeless || w.Tensors[model.Background].Float != nil {
		t.Error("the weights have a place")
	}

	// They are the start of a training on one place, which gives weights of that place.
	next := micro(t)
	next.Recipe.Score, next.From, next.FromName, next.Epochs = model.BlockMotion, w, "base", 1
	next.Out = filepath.Join(t.TempDir(), "next.safetensors")
	// With one place the start is mostly drawn and the memory all, as from nothing; with several it is theirs.
	const layer = "encoder.3.weight"
	drawn, err := initialWeights(next.Spec, next.Seed)
	if err != nil {
		t.Fatal(err)
	}
	mixed := slices.Clone(w.Tensors[layer].Float)
	for i, x := range drawn.Tensors[layer].Float {
		mixed[i] = mixed[i]/4 + x*3/4
	}
	for _, c := range []struct {
		videos        []Video
		layer, memory []float32
		rate          float64
	}{
		{testVideos(), mixed, drawn.Tensors[model.MemoryName].Float, 1},
		{videos, w.Tensors[layer].Float, w.Tensors[model.MemoryName].Float, fineTuningRate},
	} {
		next.Out = filepath.Join(t.TempDir(), "first.safetensors")
		r, err := newRun(next, c.videos)
		if err != nil {
			t.Fatal(err)
		}
		first, err := r.firstWeights()
		if err != nil {
			t.Fatal(err)
		}
		r.net.close()
		close := func(a, b float32) bool { return math.Abs(float64(a-b)) < 1e-6 }
		if !slices.EqualFunc(first.Tensors[layer].Float, c.layer, close) ||
			!slices.Equal(first.Tensors[model.MemoryName].Float, c.memory) ||
			r.cfg.Recipe.Rate != c.rate*next.Recipe.Rate {
			t.Errorf("rate %v, or another start than expected", r.cfg.Recipe.Rate)
		}
	}
	next.Out = filepath.Join(t.TempDir(), "next.safetensors")
	if _, err := Run(t.Context(), next, testVideos()); err != nil {
		t.Fatal(err)
	}
	trained, err := model.ReadWeights(next.Out)
	if err != nil {
		t.Fatal(err)
	}
	if trained.Placeless || trained.Notes[NoteFrom] != "base" || trained.Notes[NoteShare] != "0.25" {
		t.Errorf("place none: %v; started from %q", trained.Placeless, trained.Notes[NoteFrom])
	}
	next.Spec.Slots++ // its memory is drawn, so that only the layers have to fit
	if _, err := Run(t.Context(), next, testVideos()); err != nil {
		t.Errorf("with another memory: %v", err)
	}
	next.Spec.Channels[0]++
	if _, err := Run(t.Context(), next, testVideos()); err == nil {
		t.Error("weights of other layers are a start")
	}
}

func TestRepeatedClips(t *testing.T) {
	s := segment{gray: make([]byte, 20), frames: 20}
	once := len(clipStarts([]segment{s}, 2))
	s.repeat = 3
	if got := len(clipStarts([]segment{s}, 2)); got != 3*once {
		t.Errorf("%d clips, want 3 times %d", got, once)
	}
}
