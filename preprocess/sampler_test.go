package preprocess

import (
	"math"
	"slices"
	"testing"
	"time"

	"vigil/video"
)

// stamper returns the time stamp of the i-th picture, given the true times.
type stamper func(i int, times func(int) time.Duration) time.Duration

// stamped returns n pictures of a steady source.
func stamped(n int, fps float64, stamp stamper) []video.Picture {
	out := pictures(n, 0, 0, 0)
	for i := range out {
		out[i].PTS = stamp(i,
			func(i int) time.Duration { return time.Duration(float64(i) / fps * float64(time.Second)) })
		out[i].Arrival = out[i].Arrival.Add(out[i].PTS)
	}
	return out
}

func exactly(i int, times func(int) time.Duration) time.Duration { return times(i) }

// inMilliseconds rounds stamps as Matroska and many cameras do.
func inMilliseconds(i int, times func(int) time.Duration) time.Duration {
	return times(i).Round(time.Millisecond)
}

// withJitter adds jitter of up to nearly half a step of 40 ms.
func withJitter(i int, times func(int) time.Duration) time.Duration {
	return times(i) + time.Duration(i*7919%37-18)*time.Millisecond
}

// inBursts gives groups of size pictures the same stamp.
func inBursts(size int) stamper {
	return func(i int, times func(int) time.Duration) time.Duration { return times(i / size * size) }
}

// sampledOf returns the sequence numbers of the pictures that a window takes.
func sampledOf(w *Window, ps []video.Picture) (taken []uint64) {
	var c video.Cuboid
	for _, p := range ps {
		before := w.Stats().Sampled
		w.Push(p, &c)
		if w.Stats().Sampled > before {
			taken = append(taken, p.Seq)
		}
	}
	return taken
}

// TestRate samples sources of many rates: the mean must be the wanted rate, and each step the ratio of the rates,
// rounded down or up.
func TestRate(t *testing.T) {
	tests := []struct {
		name          string
		source, named float64
		want, get     float64
		at            stamper
		steps         []uint64 // allowed
	}{
		{"25 to 10", 25, 25, 10, 10, exactly, []uint64{2, 3}},
		{"25 to 10, times in ms", 25, 25, 10, 10, inMilliseconds, []uint64{2, 3}},
		{"24.97 to 10", 24.97, 24.97, 10, 10, inMilliseconds, []uint64{2, 3}},
		{"24.97 that is called 25", 24.97, 25, 10, 10, inMilliseconds, []uint64{2, 3}},
		{"15 to 10", 15, 15, 10, 10, inMilliseconds, []uint64{1, 2}},
		{"12 to 10", 12, 12, 10, 10, inMilliseconds, []uint64{1, 2}},
		{"30 to 10", 30, 30, 10, 10, inMilliseconds, []uint64{3}},
		{"29.97 to 10", 30000. / 1001, 30000. / 1001, 10, 9.99, inMilliseconds, []uint64{3}},
		{"30 to 12", 30, 30, 12, 12, inMilliseconds, []uint64{2, 3}},
		{"25 to 12.5", 25, 25, 12.5, 12.5, inMilliseconds, []uint64{2}},
		{"25 to 5", 25, 25, 5, 5, inMilliseconds, []uint64{5}},
		{"10 to 10", 10, 10, 10, 10, inMilliseconds, []uint64{1}},
		{"9 to 10", 9, 9, 10, 9, inMilliseconds, []uint64{1}},
		{"10.1 to 10", 10.1, 10, 10, 10.1, inMilliseconds, []uint64{1}},
		{"25 to all", 25, 25, 0, 25, inMilliseconds, []uint64{1}},
		{"named 30 and has 25", 25, 30, 10, 10, inMilliseconds, []uint64{2, 3}},
		{"named 15 and has 25", 25, 15, 10, 10, inMilliseconds, []uint64{2, 3}},
		{"names none", 25, 0, 10, 10, inMilliseconds, []uint64{2, 3}},
		{"jitter 25 to 10", 25, 25, 10, 10, withJitter, []uint64{2, 3}},
		{"jitter 25 to 12.5", 25, 25, 12.5, 12.5, withJitter, []uint64{2}},
		{"jitter 10 to 10", 10, 10, 10, 10, withJitter, []uint64{1}},
		{"bursts of 2, 25 to 10", 25, 25, 10, 10, inBursts(2), []uint64{2, 3}},
		{"bursts of 5, 25 to 10", 25, 25, 10, 10, inBursts(5), []uint64{2, 3}},
		{"bursts of 25, 25 to 10", 25, 25, 10, 10, inBursts(25), []uint64{2, 3, 4}},
		{"bursts of 12, 15 to 10, names none", 15, 0, 10, 10, inBursts(12), []uint64{1, 2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := NewWindow(WindowConfig{Side: 2, Hop: 1, FPS: tt.want, SourceFPS: tt.named})
			ps := stamped(6000, tt.source, tt.at)
			sampledOf(w, ps[:300]) // until the usual step is known
			gaps := w.Stats().Gaps
			taken := sampledOf(w, ps[300:])
			got := float64(len(taken)-1) / float64(taken[len(taken)-1]-taken[0]) * tt.source
			if math.Abs(got/tt.get-1) > 0.002 {
				t.Errorf("%.4g frames a second, want %.4g", got, tt.get)
			}
			for i := 1; i < len(taken); i++ {
				if step := taken[i] - taken[i-1]; !slices.Contains(tt.steps, step) {
					t.Fatalf("picture %d is %d after the one before, want one of %d", taken[i], step, tt.steps)
				}
			}
			if gaps = w.Stats().Gaps - gaps; gaps != 0 {
				t.Errorf("%d gaps", gaps)
			}
		})
	}
}

// TestRateFollows has a source that slows down by half and recovers, as at night: the mean must stay the wanted rate.
func TestRateFollows(t *testing.T) {
	ps := stamped(3000, 25, exactly)
	for i := range ps {
		slow := time.Duration(max(0, min(i-1000, 1000))) * 40 * ms
		ps[i].PTS += slow
		ps[i].Arrival = ps[i].Arrival.Add(slow)
	}
	w := NewWindow(WindowConfig{Side: 2, Hop: 1, FPS: 10, SourceFPS: 25})
	taken := sampledOf(w, ps)
	for _, part := range []struct {
		name     string
		from, to uint64
		want     int
	}{
		{"before", 0, 1000, 400},
		{"slow", 1000, 2000, 800},
		{"after", 2000, 3000, 400},
	} {
		n := 0
		for _, seq := range taken {
			if seq >= part.from && seq < part.to {
				n++
			}
		}
		// The new rate is known after some seconds.
		if n < part.want-10 || n > part.want+10 {
			t.Errorf("%s: %d pictures taken, want %d", part.name, n, part.want)
		}
	}
}

// TestPartialCuboidsUneven checks partial cuboids when every second or third picture is taken: that is even enough, a
// gap in the source is not.
func TestPartialCuboidsUneven(t *testing.T) {
	early := func(ps []video.Picture) int {
		w := NewWindow(WindowConfig{Side: 2, Hop: 1, FPS: 10, SourceFPS: 15, PartialClips: true})
		pushAll(w, ps)
		return int(w.Stats().Partial)
	}
	if n := early(stamped(40, 15, inMilliseconds)); n != 14 {
		t.Errorf("%d partial cuboids of a steady source, want 14", n)
	}
	if n := early(after(3, stamped(7, 15, inMilliseconds), shift(66*ms))); n > 2 {
		t.Errorf("%d partial cuboids, across a step of twice the others", n)
	}
}

func TestRates(t *testing.T) {
	w := NewWindow(WindowConfig{Side: 2, Hop: 1, FPS: 10, SourceFPS: 25})
	if source, seen := w.Rates(); source != 25 || seen != 10 {
		t.Errorf("before a picture: %g and %g, want 25 and 10", source, seen)
	}
	pushAll(w, after(500, stamped(1000, 24.97, inMilliseconds), shift(time.Hour)))
	if source, seen := w.Rates(); math.Abs(source-24.97) > 0.01 || math.Abs(seen-10) > 0.02 {
		t.Errorf("%g and %g, want 24.97 and 10", source, seen)
	}
}

// TestRatesOfBursts has delayed pictures that arrive in bursts: the pauses between these are gaps, and still count for
// the rate of a live source. An outage does not, nor a pause of a recording.
func TestRatesOfBursts(t *testing.T) {
	for _, tt := range []struct {
		name  string
		live  bool
		pause time.Duration
		lost  uint64
		want  float64
	}{
		{"bursts", true, 820 * ms, 0, 10},
		{"an outage after each", true, 6 * time.Second, 0, 50},
		{"lost pictures after each", true, 820 * ms, 1, 50},
		{"a recording", false, 820 * ms, 0, 50},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var ps []video.Picture
			var seq uint64
			var at time.Duration
			for range 50 {
				burst := pictures(10, seq, at, 20*ms)
				ps = append(ps, burst...)
				seq, at = seq+10+tt.lost, burst[9].PTS+tt.pause
			}
			w := NewWindow(WindowConfig{Side: 2, Hop: 2, SourceFPS: 10, Live: tt.live})
			pushAll(w, ps)
			if source, seen := w.Rates(); math.Abs(source-tt.want) > 0.05*tt.want || seen != source {
				t.Errorf("%g and %g frames a second, want %g", source, seen, tt.want)
			}
		})
	}
}
