//go:build linux && cgo && gocv_videoio

package app

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"vigil/alerts"
	"vigil/internal/leaktest"
	"vigil/pipeline"
)

// TestRandomReloads takes up random configurations, right and wrong ones, one after another: cameras with thresholds,
// with calibrations that fit and that do not, adaptive ones, paused ones, new and gone ones. A camera of which nothing
// changes keeps its reader and loses no frame and no clip, every event ends, and nothing is left.
func TestRandomReloads(t *testing.T) {
	rounds := 10
	if os.Getenv("VIGIL_LONG") != "" {
		rounds = 300
	}
	const seed = 19
	random := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // the same in every run
	leaktest.None(t, func() {
		r := startReloading(t, 3, func(r *reloading) map[string]string {
			for i := range 6 {
				r.calibrate(fmt.Sprintf("c%d", i), 0.2)
			}
			return map[string]string{"c1": ", realtime: false"} // so that no clip is skipped
		})
		defer func() {
			r.stop()
			err := <-r.ended
			r.ended <- err // for the cleanup
		}()
		if err := os.Symlink(r.video, r.path("other.mkv")); err != nil {
			t.Fatal(err)
		}
		head, _, _ := strings.Cut(r.yaml(0, nil), "  - ")
		lines := map[string]string{} // of the configuration in force
		for i := range 3 {
			name := fmt.Sprintf("c%d", i)
			lines[name] = ", source: " + r.video + ", fps: 0, hop: 8, threshold: {lo: 0.1, theta: 0.5}"
		}
		lines["c1"] += ", realtime: false"
		paused := map[string]bool{}
		for round := range rounds {
			next := r.randomCameras(random, lines)
			text := head
			for _, name := range slices.Sorted(maps.Keys(next)) {
				text += fmt.Sprintf("  - {name: %s%s}\n", name, next[name])
			}
			r.until("pictures of all cameras", func() bool {
				return !slices.ContainsFunc(r.engine.Stats(), func(s pipeline.Stats) bool { return s.Frames == 0 })
			})
			before := r.stats()
			wrong := random.IntN(4) == 0
			if wrong {
				text = []string{
					text[:len(text)-3], text + "speed: 3\n", strings.Replace(text, "hop: 8", "hop: 0", 1),
					text + "  - {name: bad, source: gone.mkv, calibration: gone.json}\n",
				}[random.IntN(4)]
				next = lines
			}
			r.write("vigil.yaml", text)
			if got := r.reload(); (got.Err != nil) != wrong {
				t.Fatalf("round %d: %v of\n%s", round, got.Err, text)
			}
			now := r.stats()
			for name := range next {
				was, there := before[name]
				if is := now[name]; lines[name] == next[name] && there && !paused[name] {
					stays(t, round, was, is)
				}
			}
			var running []string
			for _, s := range r.engine.Stats() {
				running = append(running, s.Camera)
			}
			slices.Sort(running)
			want := slices.DeleteFunc(slices.Sorted(maps.Keys(next)), func(name string) bool { return paused[name] })
			if !slices.Equal(running, want) {
				t.Errorf("round %d: %q run, want %q", round, running, want)
			}
			lines = next
			// Not by Switch, which pauses no recordings.
			name, action := fmt.Sprintf("c%d", 2+random.IntN(4)), alerts.ActionPause
			if paused[name] {
				action = alerts.ActionResume
			}
			if lines[name] == "" {
				continue
			}
			if err := r.switches.change(t.Context(), name, alerts.SwitchChange{Action: action}, "cli"); err != nil {
				t.Fatal(err)
			}
			paused[name] = action == alerts.ActionPause
		}
		r.until("clips of the camera that is scored whole", func() bool { return r.stats()["c1"].Scored >= 100 })
		r.stop()
		err := <-r.ended
		r.ended <- err
		if err != nil {
			t.Error(err)
		}
		open := map[string]bool{}
		for _, m := range alertLine.FindAllStringSubmatch(r.log.String(), -1) {
			open[m[2]] = m[1] != "end"
		}
		t.Logf("%d events", len(open))
		if len(open) == 0 {
			t.Error("there was no event")
		}
		for id, isOpen := range open {
			if isOpen {
				t.Errorf("the event %s has not ended", id)
			}
		}
	})
}

// alertLine matches the log's line about a message of an event.
var alertLine = regexp.MustCompile(`msg=alert .*phase=(\w+) .*id=(\w+)`)

// stays checks that a camera's reader is the same one and has lost nothing. A clip may be skipped where the machine is
// slow, but not of a camera that is scored whole.
func stays(t *testing.T, round int, was, is pipeline.Stats) {
	t.Helper()
	lost := func(s pipeline.Stats) uint64 { return s.Missing + s.Gaps + s.Failures + s.Dropped + s.Lost }
	if is.Openings != was.Openings || is.Frames < was.Frames || is.Scored < was.Scored || lost(is) != lost(was) ||
		is.Camera == "c1" && is.Skipped > 0 {
		t.Errorf("round %d: a camera of which nothing changes was\n%+v, is\n%+v", round, was, is)
	}
}

// randomCameras changes some of the cameras. c0 and c1 never change: c1 is scored whole, and ends; while c0 plays vigil
// does not end.
func (r *reloading) randomCameras(random *rand.Rand, lines map[string]string) map[string]string {
	next := map[string]string{"c0": lines["c0"], "c1": lines["c1"]}
	for i := 2; i < 6; i++ {
		name := fmt.Sprintf("c%d", i)
		switch random.IntN(5) {
		case 0: // it is gone
			continue
		case 1, 2:
			if lines[name] != "" {
				next[name] = lines[name]
			}
			continue
		}
		pick := func(all ...string) string { return all[random.IntN(len(all))] }
		next[name] = ", source: " + pick(r.video, "other.mkv") + ", fps: 0, hop: 8" +
			pick(", threshold: {lo: 0.1, theta: 0.5}", ", calibration: "+name+".json", "") +
			pick("", "", ", mask: [[[0, 0], [0.2, 0], [0, 0.2]]]") +
			pick("", ", adapt: false") + pick("", ", untrusted: off") +
			pick("", ", zones: [{name: door, polygon: [[0, 0], [1, 0], [1, 1]]}]") +
			pick("", ", detector: {close_after: 1s}", ", detector: {enter: 0.3}") +
			pick("", "", ", read_timeout: 7s") +
			pick("", "", `, armed: [{from: "00:00", to: "00:01"}]`)
	}
	return next
}
