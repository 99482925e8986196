package train

import (
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
	// The memory is learned anew for one place, and goes on with several.
	const layer = "encoder.3.weight"
	for _, c := range []struct {
		videos []Video
		memory bool
		rate   float64
	}{{testVideos(), false, 1}, {videos, true, fineTuningRate}} {
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
		same := func(name string) bool { return slices.Equal(first.Tensors[name].Float, w.Tensors[name].Float) }
		if !same(layer) || same(model.MemoryName) != c.memory || r.cfg.Recipe.Rate != c.rate*next.Recipe.Rate {
			t.Errorf("layer kept %v, memory kept %v, rate %v", same(layer), same(model.MemoryName), r.cfg.Recipe.Rate)
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
	if trained.Placeless || trained.Notes[NoteFrom] != "base" {
		t.Errorf("place none: %v; started from %q", trained.Placeless, trained.Notes[NoteFrom])
	}
	next.Spec.Slots++
	if _, err := Run(t.Context(), next, testVideos()); err == nil {
		t.Error("weights of another network are a start")
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
