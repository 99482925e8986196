package calibrate

import (
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"vigil/internal/median"
	"vigil/pipeline/calibrate/tail"
	"vigil/pipeline/detect"
)

// series returns normal clips with the given errors, half a second apart.
func series(errors []float64) *NormalScores {
	var n NormalScores
	const step = 500 * time.Millisecond
	for i, e := range errors {
		at := time.Duration(i) * step
		n.Add(detect.Clip{
			First: detect.Moment{PTS: at}, Centre: detect.Moment{PTS: at},
			Last: detect.Moment{PTS: at + step}, Readings: raw(e, nil),
		})
	}
	return &n
}

// raw are the readings of a clip by one measure.
func raw(e float64, cells []float32) [2]detect.Reading {
	return [2]detect.Reading{{Error: e, Raw: e, Cells: cells}}
}

const clipsADay = 2 * secondsADay

// gpd returns the quantile and survival functions of a generalized Pareto distribution.
func gpd(shape float64) (quantile, survival func(float64) float64) {
	if shape == 0 {
		return func(u float64) float64 { return -math.Log1p(-u) }, func(x float64) float64 { return math.Exp(-x) }
	}
	return func(u float64) float64 { return math.Expm1(-shape*math.Log1p(-u)) / shape },
		func(x float64) float64 { return math.Pow(max(0, 1+shape*x), -1/shape) }
}

// movingMaximum is autocorrelated: the maximum of the last 8 independent draws. At a high level the clusters above it
// are single draws, so their rate follows from the margin.
func movingMaximum(r *rand.Rand, n int, quantile func(float64) float64) []float64 {
	const width = 8
	draws, out := make([]float64, n), make([]float64, n)
	for i := range draws {
		draws[i] = 5 + quantile(r.Float64())
		for j := max(0, i-width+1); j <= i; j++ {
			out[i] = max(out[i], draws[j])
		}
	}
	return out
}

// autoregressive is a Gaussian AR(1) with a correlation of 0.8 from clip to clip, with an exponential margin.
func autoregressive(r *rand.Rand, n int) []float64 {
	const rho = 0.8
	out := make([]float64, n)
	z := r.NormFloat64()
	for i := range out {
		out[i] = 5 - math.Log(distuv.UnitNormal.Survival(z))
		z = rho*z + math.Sqrt(1-rho*rho)*r.NormFloat64()
	}
	return out
}

func fitBudget(t *testing.T, errors []float64, perDay float64) Calibration {
	t.Helper()
	return fitBudgetWith(t, errors, perDay, detect.DefaultConfig())
}

func fitBudgetWith(t *testing.T, errors []float64, perDay float64, cfg detect.Config) Calibration {
	t.Helper()
	c, err := Fit(Calibration{
		Key: Key{Camera: "gate", FPS: 16, Hop: 8}, LoQuantile: 0.05, ThetaQuantile: 0.995, Margin: 0.1,
		AlarmsPerDay: perDay, Detector: cfg.Record(),
	}, series(errors))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestThresholdKeepsBudget compares the true rate of events at theta with the budget, over many series. Each has
// three hours, and a budget of two a day looks four times as far ahead.
func TestThresholdKeepsBudget(t *testing.T) {
	seeds := 20
	if os.Getenv("VIGIL_LONG") != "" {
		seeds = 300
	}
	const hours, perDay = 3, 2.
	for _, k := range tailedSeries() {
		t.Run(k.name, func(t *testing.T) {
			held, worst := 0, 0.
			var rates []float64
			for seed := range seeds {
				c := fitBudget(t, k.draw(rand.New(rand.NewPCG(3, uint64(seed))), hours*clipsADay/24), perDay)
				if c.Rule != RuleBudget || c.Provisional || c.Tail.Events < wantedPeaks {
					t.Fatalf("seed %d: %+v, %+v", seed, c, c.Tail)
				}
				rate := k.rate(c.Theta) / perDay
				rates = append(rates, rate)
				worst = max(worst, rate)
				if k.rate(c.Tail.ThetaLow) >= perDay && perDay >= k.rate(c.Tail.ThetaHigh) {
					held++
				}
			}
			mean, share := stat.Mean(rates, nil), float64(held)/float64(seeds)
			t.Logf("true events over the budget: mean %.2f, median %.2f, most %.2f; the interval holds the truth in "+
				"%.2f", mean, median.Interpolated(rates), worst, share)
			if mean < k.mean[0] || mean > k.mean[1] {
				t.Errorf("%.2f times the budget in the mean, want %.2f to %.2f", mean, k.mean[0], k.mean[1])
			}
			// If the true coverage is 0.95, 20 seeds give less than 0.8 once in 390 runs, and 300 seeds less than 0.9
			// once in some thousand.
			if least := map[bool]float64{true: 0.8, false: 0.9}[seeds == 20]; share < least {
				t.Errorf("the interval holds the truth in %.2f of the seeds, want at least %.2f", share, least)
			}
		})
	}
}

// TestLittleVideo calibrates on seven minutes, which look no farther ahead than ten times as long: more alarms than the
// budget are expected at first, and no more come. Three minutes do not show how heavy a tail is, so their
// threshold is cautious.
func TestLittleVideo(t *testing.T) {
	seeds := 40
	if os.Getenv("VIGIL_LONG") != "" {
		seeds = 300
	}
	const perDay = 12.
	for _, k := range tailedSeries() {
		t.Run(k.name, func(t *testing.T) {
			var rates, cautious []float64
			for seed := range seeds {
				r := rand.New(rand.NewPCG(4, uint64(seed)))
				c := fitBudget(t, k.draw(r, 7*clipsADay/24/60), perDay)
				if c.Rule != RuleHighest {
					if c.Rule != RuleBudget || !c.Provisional || math.Abs(c.AlarmsExpected-144./7) > 1e-9 ||
						c.Tail.Events < tail.MinPeaks || !(c.Tail.ThetaLow < c.Theta && c.Theta < c.Tail.ThetaHigh) {
						t.Fatalf("seed %d: %+v, %+v", seed, c, c.Tail)
					}
					rates = append(rates, k.rate(c.Theta)/c.AlarmsExpected)
				}
				c = fitBudget(t, k.draw(r, 3*clipsADay/24/60), perDay)
				if c.Rule == RuleBudget && k.rate(c.Theta) > 24 || !c.Provisional {
					t.Fatalf("seed %d: %+v, %+v", seed, c, c.Tail)
				}
				cautious = append(cautious, k.rate(c.Theta))
			}
			t.Logf("7 minutes: %d seeds, events over the expected: mean %.2f, median %.2f; 3 minutes: %.2f an hour",
				len(rates), stat.Mean(rates, nil), median.Interpolated(rates), stat.Mean(cautious, nil)/24)
			if len(rates) < seeds/2 || median.Interpolated(rates) > 1.5 || stat.Mean(rates, nil) > 4 {
				t.Errorf("%d of %d pieces have enough events; the true number is %.2f times the expected one in the "+
					"median, %.2f in the mean", len(rates), seeds, median.Interpolated(rates), stat.Mean(rates, nil))
			}
			if stat.Mean(cautious, nil) > 24 {
				t.Errorf("after three minutes %.2f events an hour, want at most one", stat.Mean(cautious, nil)/24)
			}
		})
	}
}

// kind is a series whose rate of events is known.
type kind struct {
	name string
	draw func(*rand.Rand, int) []float64
	rate func(theta float64) float64 // true rate of events a day
	mean [2]float64                  // bounds of the mean of rate over the budget
}

// tailedSeries are computed once for all tests.
var tailedSeries = sync.OnceValue(func() []kind {
	moving := func(shape float64) (func(*rand.Rand, int) []float64, func(float64) float64) {
		quantile, survival := gpd(shape)
		return func(r *rand.Rand, n int) []float64 { return movingMaximum(r, n, quantile) },
			func(theta float64) float64 { return clipsADay * survival(theta-5) }
	}
	all := []kind{
		{name: "bounded", mean: [2]float64{0, 1.2}},
		{name: "exponential", mean: [2]float64{0.2, 1.8}},
		{name: "heavy", mean: [2]float64{0.3, 3}},
	}
	for i, shape := range []float64{-0.25, 0, 0.15} {
		all[i].draw, all[i].rate = moving(shape)
	}
	// There is no formula for the events of an AR(1): they are counted in 10 days.
	days := 10
	long := series(autoregressive(rand.New(rand.NewPCG(9, 9)), days*clipsADay))
	cfg := detect.DefaultConfig()
	peaks := runs(long.blocks(long.heldLevels(cfg, 5)), 5-math.Log(2e-3))
	all = append(all, kind{"autoregressive", autoregressive, func(theta float64) float64 {
		above := 0.
		for _, p := range peaks {
			if p > theta {
				above++
			}
		}
		return above / float64(days)
	}, [2]float64{0.2, 1.8}})
	return all
})

// alarms counts the events that a detector opens in a series.
func alarms(errors []float64, cfg detect.Config, lo, theta float64) (n int) {
	d := detect.NewDetector(cfg)
	for i, e := range errors {
		at := time.Duration(i) * 500 * time.Millisecond
		if change, _ := d.Push(detect.Clip{
			Centre: detect.Moment{PTS: at}, Error: e,
			Regularity: detect.Regularity(e, lo, theta),
		}); change == detect.Started {
			n++
		}
	}
	return n
}

// TestAlarmsOfNewSeries needs no formula: a detector runs on days that were not calibrated on, and opens about as
// many events as the budget allows. Detectors differ in Enter and OpenAfter.
func TestAlarmsOfNewSeries(t *testing.T) {
	const hours, perDay, days, seeds = 3, 8., 2, 4
	exponential, _ := gpd(0)
	heavy, _ := gpd(0.15)
	early := detect.Config{Enter: 0.35, Leave: 0.7, OpenAfter: 0, CloseAfter: time.Second}
	patient := detect.Config{
		Enter: 0.6, Leave: 0.65, OpenAfter: 2 * time.Second, CloseAfter: 4 * time.Second,
		CoolDown: 20 * time.Second,
	}
	for name, c := range map[string]struct {
		draw func(*rand.Rand, int) []float64
		cfg  detect.Config
	}{
		"moving maximum": {func(r *rand.Rand, n int) []float64 {
			return movingMaximum(r, n,
				exponential)
		}, detect.DefaultConfig()},
		"moving maximum, patient": {func(r *rand.Rand, n int) []float64 {
			return movingMaximum(r, n,
				exponential)
		}, patient},
		"moving maximum, heavy and early": {
			func(r *rand.Rand, n int) []float64 { return movingMaximum(r, n, heavy) },
			early,
		},
		"autoregressive":          {autoregressive, detect.DefaultConfig()},
		"autoregressive, patient": {autoregressive, patient},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var counts []float64
			for seed := range seeds {
				r := rand.New(rand.NewPCG(11, uint64(seed)))
				normal := c.draw(r, hours*clipsADay/24)
				cal := fitBudgetWith(t, normal, perDay, c.cfg)
				if cal.Rule != RuleBudget {
					t.Fatalf("seed %d: %+v", seed, cal)
				}
				counts = append(counts, float64(alarms(c.draw(r, days*clipsADay), c.cfg, cal.Lo, cal.Theta))/days)
			}
			mean := stat.Mean(counts, nil)
			t.Logf("%g a day allowed, %.1f in the mean: %.3g", perDay, mean, counts)
			if mean < perDay/4 || mean > 2*perDay {
				t.Errorf("%.1f alarms a day in the mean, %g are allowed", mean, perDay)
			}
		})
	}
}

// TestThresholdWithoutExtrapolation checks that theta is not extrapolated if the video itself has more events than the
// budget allows: so many alarms occur in it.
func TestThresholdWithoutExtrapolation(t *testing.T) {
	const hours, perDay = 3, 240
	exponential, _ := gpd(0)
	for seed := range 5 {
		normal := movingMaximum(rand.New(rand.NewPCG(12, uint64(seed))), hours*clipsADay/24, exponential)
		c := fitBudget(t, normal, perDay)
		if n := alarms(normal, detect.DefaultConfig(), c.Lo, c.Theta); n < 24 || n > 36 {
			t.Errorf("seed %d: %d alarms in %d hours, want about %d", seed, n, hours, perDay*hours/24)
		}
	}
}

// TestSelectPeaks checks that the level lies among the highest half of the blocks, that peaks lie above it, and that
// blocks that are not given count as lower ones.
func TestSelectPeaks(t *testing.T) {
	quantile, _ := gpd(0)
	n := series(movingMaximum(rand.New(rand.NewPCG(6, 6)), 480, quantile))
	blocks := n.blocks(n.heldLevels(detect.DefaultConfig(), 5))
	if len(blocks) < 75 || len(blocks) > 80 {
		t.Fatalf("%d blocks of four minutes", len(blocks))
	}
	level, peaks := selectPeaks(blocks, len(blocks))
	above := 0
	for _, b := range blocks {
		if b.level > level {
			above++
		}
	}
	if len(peaks) == 0 || above > len(blocks)/2 || slices.Min(peaks) <= level {
		t.Errorf("%d events above %g, which %d of %d blocks pass", len(peaks), level, above, len(blocks))
	}
	highest := slices.DeleteFunc(slices.Clone(blocks), func(b block) bool { return b.level < level })
	if l, p := selectPeaks(highest, len(blocks)); l != level || !slices.Equal(p, peaks) {
		t.Errorf("of the highest blocks alone: %d above %g, want %d above %g", len(p), l, len(peaks), level)
	}
}

// TestCautiousThreshold checks that theta is above what was seen however long the video is, and that the tail takes
// over without a step.
func TestCautiousThreshold(t *testing.T) {
	const lo, highest = 1., 3.
	c := &Calibration{Detector: detect.DefaultConfig().Record()}
	excess := func(f MeasureFit, blocks int) float64 {
		f.Lo = lo
		c.byHighest(&f, highest, blocks)
		return (f.Theta - lo) / (thetaOf(highest, lo, c.Detector.Enter) - lo)
	}
	for _, blocks := range []int{1, 5, 40, 1000, 100000} {
		if got := excess(MeasureFit{}, blocks); got < highestFactor-1e-9 {
			t.Errorf("%d pieces with too few events: theta is %g times as far as the highest, want at least %g", blocks,
				got, float64(highestFactor))
		}
	}
	last := math.Inf(1)
	for blocks := 1; blocks <= 2*cautiousBlocks+1; blocks++ {
		f := MeasureFit{Rule: RuleBudget, Provisional: true, Tail: &Tail{}}
		got := excess(f, blocks)
		if got > last || blocks > 1 && blocks >= 20 && last-got > 0.1 {
			t.Fatalf("%d pieces: %g times, %g with one less", blocks, got, last)
		}
		last = got
		f.Theta = 100
		if f.Lo = lo; excess(f, blocks) != (100-lo)/(thetaOf(highest, lo, c.Detector.Enter)-lo) {
			t.Fatalf("%d pieces: a higher theta of the tail is lowered", blocks)
		}
	}
	if last > 0 {
		t.Errorf("after ten minutes theta is still at least %g times as far", last)
	}
	if got := excess(MeasureFit{Rule: RuleBudget, Theta: 2, Tail: &Tail{}}, 5); got > 1 {
		t.Errorf("a theta that is not provisional is raised to %g times", got)
	}
}

func TestThresholdOfShortVideo(t *testing.T) {
	quantile, _ := gpd(0)
	r := rand.New(rand.NewPCG(1, 1))
	// Twenty seconds do not have six events. What is not held does not count.
	errors := movingMaximum(r, 40, quantile)
	errors[20] += 100
	c := fitBudget(t, errors, 1)
	if c.Rule != RuleHighest || !c.Provisional || c.Tail != nil || c.Theta > 50 || c.AlarmsExpected != 0 ||
		!strings.Contains(c.NoBudgetReason, "separate events in 0.0056 hours") || c.HoursNeeded < 2.4 {
		t.Errorf("twenty seconds: %+v", c)
	}
	if d := strings.Join(c.Warnings(detect.DefaultConfig(), 1), "\n"); !strings.Contains(d,
		"keeps to no number of alarms: at most ") {
		t.Errorf("warnings %q", d)
	}
	// An hour has enough events, but one alarm a day looks 24 times as far ahead.
	c = fitBudget(t, movingMaximum(r, 7200, quantile), 1)
	if c.Rule != RuleBudget || !c.Provisional || math.Abs(c.HoursNeeded-2.4) > 1e-9 ||
		math.Abs(c.AlarmsExpected-2.4) > 1e-9 {
		t.Errorf("an hour: %+v", c)
	}
	if d := strings.Join(c.Warnings(detect.DefaultConfig(), 1), "\n"); !strings.Contains(d,
		"provisional: 1 hours of normal video tell of at most 1 alarm in 10 hours, 2.4 are needed for 1 alarms a day") {
		t.Errorf("warnings %q", d)
	}
	// Four a day do not need more.
	c = fitBudget(t, movingMaximum(r, 7200, quantile), 4)
	if c.Rule != RuleBudget || c.Provisional || c.Warnings(detect.DefaultConfig(), 4) != nil ||
		!(c.Tail.ThetaLow < c.Theta && c.Theta < c.Tail.ThetaHigh) || c.AlarmsExpected != 4 {
		t.Errorf("four a day: %+v, %+v", c, c.Tail)
	}
	other := detect.DefaultConfig()
	other.CoolDown = time.Minute
	if d := strings.Join(c.Warnings(other, 2), "\n"); !strings.Contains(d, "detector's settings have changed") ||
		!strings.Contains(d, "2 alarms a day are asked for, calibrated for 4") {
		t.Errorf("warnings %q", d)
	}
}

// TestHeldLevelsAgreeWithDetector compares heldLevels with the detector, for every series and level.
func TestHeldLevelsAgreeWithDetector(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for round := range 200 {
		var n NormalScores
		at := time.Duration(0)
		for range 60 {
			at += time.Duration(1+r.IntN(4)) * 100 * time.Millisecond
			if r.IntN(40) == 0 {
				n.NewRecording()
				at = 0
			}
			m := detect.Moment{PTS: at}
			e := float64(1 + r.IntN(10))
			n.Add(detect.Clip{First: m, Centre: m, Last: m, Readings: raw(e, nil), Gap: r.IntN(20) == 0})
		}
		cfg := detect.Config{
			Enter: 0.5, Leave: 0.6, OpenAfter: time.Duration(r.IntN(8)) * 100 * time.Millisecond,
			OpenAtOnce: []float64{0, 1, 2, 5}[r.IntN(4)],
		}
		held := n.heldLevels(cfg, 0)
		for level := 0.5; level < 11; level++ {
			start := 0 // of the stretch
			for i, c := range n.clips {
				if c.gap || c.first {
					start = i
				}
				// A detector that sees the stretch from OpenAfter before the clip, and the clip before this one.
				from := i
				for from > start && (n.clips[from].at > c.at-cfg.OpenAfter || from == i && cfg.OpenAtOnce > 0) {
					from--
				}
				d, change := detect.NewDetector(cfg), detect.None
				for k := from; k <= i; k++ {
					at := n.clips[k].at
					if k == from {
						at = max(at, c.at-cfg.OpenAfter)
					}
					clip := detect.Clip{Centre: detect.Moment{PTS: at}}
					clip.Readings[0].Error = n.clips[k].error
					clip.ApplyScales([]detect.Scale{{Theta: level}})
					if change, _ = d.Push(clip); change != detect.Started && d.Open() {
						break // before this clip
					}
				}
				if d.Open() && change != detect.Started {
					continue
				}
				if (change == detect.Started) != (held[i] > level) {
					t.Fatalf("round %d, clip %d, level %g: change %v, held %g", round, i, level, change, held[i])
				}
			}
		}
	}
}

// TestBlocks checks that a block, and a run of blocks, belong to one stretch of one recording.
func TestBlocks(t *testing.T) {
	cfg := detect.Config{Enter: 0.5, Leave: 0.6, OpenAfter: time.Second}
	var n NormalScores
	add := func(from time.Duration, gap bool, errors ...float64) {
		for i, e := range errors {
			m := detect.Moment{PTS: from + time.Duration(i)*500*time.Millisecond}
			n.Add(detect.Clip{First: m, Centre: m, Last: m, Readings: raw(e, nil), Gap: gap && i == 0})
		}
	}
	// The peak is 7: at 8 it is not held for a second. The next block is a part of the same run.
	add(0, true, 1, 5, 8, 7, 9, 1, 6, 6, 6, 6, 1)
	n.NewRecording()
	add(0, true, 1, 5, 6, 5, 1)
	// These are held for a second only if the gap is ignored.
	n.NewRecording()
	add(0, true, 1, 6, 6)
	add(2*time.Second, true, 6, 6, 1)
	blocks := n.blocks(n.heldLevels(cfg, 0))
	if got := runs(blocks, 4); !slices.Equal(got, []float64{7, 5}) {
		t.Errorf("peaks %v of %v, want 7 and 5", got, blocks)
	}
}

func TestNormalScoresSeconds(t *testing.T) {
	var n NormalScores
	add := func(first, last int, gap bool) {
		at := func(s int) detect.Moment { return detect.Moment{PTS: time.Duration(s) * time.Second} }
		n.Add(detect.Clip{First: at(first), Centre: at(first), Last: at(last), Gap: gap})
	}
	add(100, 110, true)
	add(105, 115, false)
	add(200, 210, true)
	n.NewRecording()
	add(7, 9, true)
	if n.Seconds() != 15+10+2 || n.Clips() != 4 {
		t.Errorf("%g s, %d clips", n.Seconds(), n.Clips())
	}
}

// Each of two measures has half of the budget, as if it were calibrated alone for that.
func TestTwoMeasures(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	exponential, _ := gpd(0)
	motion, appearance := movingMaximum(r, clipsADay/4, exponential), movingMaximum(r, clipsADay/4, exponential)
	var both, one NormalScores
	for i := range motion {
		at := detect.Moment{PTS: time.Duration(i) * 500 * time.Millisecond}
		clip := detect.Clip{First: at, Centre: at, Last: at}
		clip.Readings[0] = detect.Reading{Measure: detect.Appearance, Raw: appearance[i]}
		one.Add(clip)
		clip.Readings[1] = clip.Readings[0]
		clip.Readings[0] = detect.Reading{Measure: detect.Motion, Raw: motion[i]}
		both.Add(clip)
	}
	c := Calibration{
		Key: Key{FPS: 10}, LoQuantile: 0.05, ThetaQuantile: 0.995, AlarmsPerDay: 8,
		Detector: detect.DefaultConfig().Record(), ScoreForm: "block_motion", Appearance: &MeasureFit{},
	}
	two, err := Fit(c, &both)
	if err != nil {
		t.Fatal(err)
	}
	c.ScoreForm, c.Appearance, c.AlarmsPerDay = "block_sq", nil, 4
	alone, err := Fit(c, &one)
	if err != nil {
		t.Fatal(err)
	}
	of, err := Fit(c, &both)
	if err != nil || of.Theta != alone.Theta {
		t.Errorf("of two measures appearance alone has theta %g, want %g: %v", of.Theta, alone.Theta, err)
	}
	if a := two.Appearance; a.Theta != alone.Theta || a.Lo != alone.Lo || a.Rule != RuleBudget ||
		two.Theta == a.Theta {
		t.Errorf("two measures: %+v and %+v; appearance alone: %+v", two, a, alone)
	}
	if s := two.Scales(); len(s) != 2 || s[0] != (detect.Scale{Measure: detect.Motion, Lo: two.Lo, Theta: two.Theta}) ||
		s[1].Measure != detect.Appearance || s[1].Theta != alone.Theta {
		t.Errorf("scales %+v", s)
	}
	c.ScoreForm, c.Appearance = "block_sq", &MeasureFit{}
	if _, err := Fit(c, &one); err == nil || !strings.Contains(err.Error(), "no second measure") {
		t.Errorf("error %v", err)
	}
}
