package calibrate

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"vigil/pipeline/detect"
)

// watch pushes a series, half a second a clip, through a detector and an Adaptive, as the pipeline does. It returns the
// number of events and theta after each adaptation.
func watch(a *Adaptive, from time.Duration, errors []float64) (events int, thetas []float64) {
	scales := []detect.Scale{{Lo: a.cal.Lo, Theta: a.cal.Theta}}
	a.Theta(scales)
	d := detect.NewDetector(a.cfg)
	for i, e := range errors {
		clip := detect.Clip{Centre: detect.Moment{PTS: from + time.Duration(i)*500*time.Millisecond}, Gap: i == 0}
		clip.Readings[0] = raw(e, nil)[0]
		clip.ApplyScales(scales)
		switch change, ep := d.Push(clip); {
		case change == detect.Started:
			events++
			a.Event(ep.Start.Time())
		case d.Open(), change == detect.Ended:
			a.Gap()
		case a.Push(&clip):
			a.Theta(scales)
			thetas = append(thetas, scales[0].Theta)
		}
	}
	return events, thetas
}

// Ten minutes put theta where 14 alarms a day are expected. While watching it comes to where a whole day's video puts
// it, in steps of at most a factor of 1.5 a day, and events do not count.
func TestAdaptive(t *testing.T) {
	const perDay, day = 2., 24 * time.Hour
	cfg := detect.DefaultConfig()
	quantile, _ := gpd(0)
	draw := func(seed uint64, n int) []float64 { return movingMaximum(rand.New(rand.NewPCG(21, seed)), n, quantile) }
	long := fitBudget(t, draw(1, 3*clipsADay), perDay)
	for seed := range uint64(1) {
		cal := fitBudget(t, draw(100+seed, clipsADay/144), perDay)
		a := NewAdaptive(&cal, cfg, nil)
		theta := cal.Theta
		for n := range 3 {
			normal := draw(200+10*seed+uint64(n), clipsADay)
			for at := 1000; at < len(normal); at += clipsADay / 48 { // somebody falls every half hour
				for i := range 20 {
					normal[at+i] = 200
				}
			}
			events, thetas := watch(a, time.Duration(n)*day, normal)
			if events < 47 || len(thetas) < 100 {
				t.Fatalf("%d events, %d adaptations in a day", events, len(thetas))
			}
			for _, now := range thetas {
				if f := (now - cal.Lo) / (theta - cal.Lo); f > math.Pow(mostADay, 11./1440) ||
					f < math.Pow(mostADay, -11./1440) {
					t.Fatalf("theta changes from %g to %g at once", theta, now)
				}
				theta = now
			}
		}
		t.Logf("theta: ten minutes %.3g, after three days %.3g; three days at once %.3g", cal.Theta, theta, long.Theta)
		// The three days' own interval is about 0.15 wide; without the events' exclusion theta would be above 50.
		if math.Abs(math.Log((theta-cal.Lo)/(long.Theta-long.Lo))) > 0.3 {
			t.Errorf("seed %d: theta is %g after three days, want about %g", seed, theta, long.Theta)
		}
		if got := a.Adapted(); got.AlarmsExpected != perDay || got.Seconds < 2.5*secondsADay {
			t.Errorf("it rests on %g s and is for %g alarms a day", got.Seconds, got.AlarmsExpected)
		}
	}
}

// A threshold that is far too low is found out, though what lies above it is an event and does not count.
func TestAdaptiveRises(t *testing.T) {
	quantile, _ := gpd(0)
	cal := fitBudget(t, movingMaximum(rand.New(rand.NewPCG(22, 1)), clipsADay/24, quantile), 2)
	enough := cal.Theta
	cal.Theta = cal.Lo + (cal.Theta-cal.Lo)/2
	a := NewAdaptive(&cal, detect.DefaultConfig(), nil)
	first, _ := watch(a, 0, movingMaximum(rand.New(rand.NewPCG(22, 2)), clipsADay, quantile))
	watch(a, 24*time.Hour, movingMaximum(rand.New(rand.NewPCG(22, 3)), clipsADay, quantile))
	last, thetas := watch(a, 48*time.Hour, movingMaximum(rand.New(rand.NewPCG(22, 4)), clipsADay, quantile))
	theta := thetas[len(thetas)-1]
	t.Logf("theta from %.3g to %.3g, an hour's is %.3g; events on the first day %d, on the third %d", cal.Lo+
		(enough-cal.Lo)/2,
		theta, enough, first, last)
	if first < 20 || last > first/4 || theta < 0.8*enough {
		t.Errorf("%d events on the first day, %d on the third; theta %g, an hour's is %g", first, last, theta, enough)
	}
}

// What is saved goes on as if it had not stopped, and does not fit another calibration.
func TestAdaptiveIsSaved(t *testing.T) {
	quantile, _ := gpd(0)
	cal := fitBudget(t, movingMaximum(rand.New(rand.NewPCG(23, 1)), clipsADay/144, quantile), 2)
	a := NewAdaptive(&cal, detect.DefaultConfig(), nil)
	hours := movingMaximum(rand.New(rand.NewPCG(23, 2)), clipsADay/4, quantile)
	watch(a, 0, hours)
	path := filepath.Join(t.TempDir(), "gate.json")
	if err := a.Adapted().Write(path); err != nil {
		t.Fatal(err)
	}
	saved, err := ReadAdapted(path)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(saved, a.Adapted()) {
		t.Errorf("read %+v, wrote %+v", saved, a.Adapted())
	}
	b := NewAdaptive(&cal, detect.DefaultConfig(), saved)
	scales := []detect.Scale{{Lo: cal.Lo, Theta: cal.Theta}}
	if b.Theta(scales); scales[0].Theta != saved.Measures[0].Theta || scales[0].Theta == cal.Theta {
		t.Errorf("goes on with theta %g, saved was %g", scales[0].Theta, saved.Measures[0].Theta)
	}
	other := fitBudget(t, movingMaximum(rand.New(rand.NewPCG(23, 3)), clipsADay/144, quantile), 2)
	scales[0].Theta = 0
	if NewAdaptive(&other, detect.DefaultConfig(), saved).Theta(scales); scales[0].Theta != other.Theta {
		t.Errorf("another calibration begins with theta %g, want its own %g", scales[0].Theta, other.Theta)
	}
	if NewAdaptive(&Calibration{}, detect.DefaultConfig(), nil) != nil {
		t.Error("without a number of alarms there is nothing to come to")
	}
}
