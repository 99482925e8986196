package bench

import (
	"bytes"
	"context"
	"errors"
	"image/png"
	"math"
	"runtime"
	"strings"
	"testing"

	"vigil/model/kernel"
)

// quick is a run that is as short as possible.
func quick(t *testing.T, o Options) *Result {
	t.Helper()
	o.Rounds, o.Seed = 1, 3
	r, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRun(t *testing.T) {
	var progress []string
	r := quick(t, Options{
		Presets: []string{"micro", "tiny", "micro"}, Threads: 2,
		Progress: func(what string) { progress = append(progress, what) },
	})
	if r.ISA != kernel.BestSet().Name || r.Threads != 2 || r.Peak <= 0 || r.PeakBest < r.Peak || r.Bandwidth <= 0 ||
		r.CPU == "" {
		t.Errorf("%+v", r)
	}
	if got := strings.Join(r.Names(), " "); got != "tiny micro" {
		t.Errorf("presets %q", got)
	}
	if all := strings.Join(progress, "\n"); !strings.Contains(all, "micro: a training step of 4 clips") {
		t.Errorf("progress %q", all)
	}
	for name, p := range r.Presets {
		if len(p.Layers) != 10 || p.GFLOP <= 0 || len(p.Notes) != 0 {
			t.Errorf("%s: %+v", name, p)
		}
		f := p.Forward
		if f.Allocs != 0 || f.Bytes <= 0 {
			t.Errorf("%s: %v allocations a clip, %d bytes", name, f.Allocs, f.Bytes)
		}
		near := func(what string, got, want float64) {
			if math.Abs(got-want) > 1e-9*want {
				t.Errorf("%s: %s is %v, want %v", name, what, got, want)
			}
		}
		near("cameras at 10 fps", f.Cameras10, 8/f.Seconds/10)
		near("cameras at 25 fps", f.Cameras25, 8/f.Seconds/25)
		near("the step's work", p.Step.GFLOP, 3*p.GFLOP-p.Layers[0].GFLOP)
		work := p.GFLOP
		for _, m := range []*Measure{&f.Measure, &p.Step.Measure, &p.Step4.Measure} {
			near("gflops", m.GFLOPS, work/m.Seconds)
			near("share", m.Share, m.GFLOPS/r.Peak)
			if m.Rounds != 1 || m.Best > m.Seconds || m.ShareOfNearbyPeak <= 0 {
				t.Errorf("%s: %+v", name, m)
			}
			work = p.Step.GFLOP
		}
		if p.Step.Batch != 1 || p.Step4.Batch != 4 || p.Step4.Bytes <= p.Step.Bytes {
			t.Errorf("%s: %+v, %+v", name, p.Step, p.Step4)
		}
	}
	picture, err := r.Roofline()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := png.Decode(bytes.NewReader(picture)); err != nil {
		t.Error(err)
	}
	var table bytes.Buffer
	if err := r.Print(&table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"preset micro", "transposed conv decoder.9", "all of it", "cameras at 10 fps",
		"batch 4",
	} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("%q is not in\n%s", want, &table)
		}
	}
}

func TestRunOnASet(t *testing.T) {
	for _, set := range kernel.Sets() {
		r := quick(t, Options{Presets: []string{"micro"}, Set: set, NoSteps: true})
		if r.ISA != set.Name || r.Threads != runtime.GOMAXPROCS(0) || r.Presets["micro"].Step != nil {
			t.Errorf("%+v", r)
		}
		all := kernel.Sets()
		if best := all[len(all)-1].Name; r.PeakISA != best {
			t.Errorf("the peak of %s was measured, not %s's", r.PeakISA, best)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	if _, err := Run(context.Background(), Options{Presets: []string{"huge"}}); err == nil ||
		!strings.Contains(err.Error(), "known are paper") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, Options{Presets: []string{"micro"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		values  []float64
		q, want float64
	}{
		{nil, 0.5, 0},
		{[]float64{3}, 0.25, 3},
		{[]float64{3, 1}, 0.5, 2},
		{[]float64{4, 1, 2, 3, 5}, 0.5, 3},
		{[]float64{4, 1, 2, 3, 5}, 0.25, 2},
		{[]float64{4, 1, 2, 3, 5}, 1, 5},
		{[]float64{4, 1, 2, 3, 5}, 0.9, 4.6},
	} {
		if got := Quantile(c.values, c.q); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%v of %v is %v, want %v", c.q, c.values, got, c.want)
		}
	}
}

func TestField(t *testing.T) {
	info := []byte("processor\t: 0\nmodel name\t: A CPU: fast\nMemAvailable:   1024 kB\n")
	for key, want := range map[string]string{"model name": "A CPU: fast", "MemAvailable": "1024 kB", "absent": ""} {
		if got := field(info, key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
}
