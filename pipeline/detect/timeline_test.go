package detect

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"vigil/internal/docs"
)

// TestTimelines runs the detector over the stories of testdata.
func TestTimelines(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) < 7 {
		t.Fatalf("stories %v, %v", paths, err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			story, err := ParseTimeline(strings.NewReader(string(text)))
			if err != nil {
				t.Fatal(err)
			}
			if story.Events == nil {
				t.Fatal("expects nothing")
			}
			if err := story.CheckEvents(story.Replay()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestParseTimeline(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "has no score",
		"# nothing\n\nlo 1\ntheta 2\n":  "has no score",
		"0":                             `line 1: "0": want seconds, an error`,
		"0 1 gap gap":                   `line 1: "0 1 gap gap": want seconds`,
		"0 1 hole":                      `want seconds, an error and, after a gap, the word gap`,
		"0 NaN":                         `line 1: "NaN" is not a number`,
		"0 1e10":                        `"1e10" is not a number from -1e9 to 1e9`,
		"0 1\n0 2":                      "line 2: 0 s: times must not be negative, and must ascend",
		"-1 1":                          "line 1: -1 s: times must not be negative",
		"0 1\nlo 1":                     `line 2: "lo" after the first score`,
		"hop 2\n0 1":                    `line 1: "hop" is not a setting; settings are lo, theta`,
		"lo 1 2\n0 1":                   `line 1: "lo 1 2": want a setting and its value`,
		"lo x\n0 1":                     `line 1: lo: "x" is not a number`,
		"lo 1\n0 1":                     "lo 1 and theta 1: lo must be below theta",
		"enter 0.9\n0 1":                "must be 0 < enter < leave <= 1",
		"cool_down -1\n0 1":             "durations must not be negative",
		"0 1\nevents\n1 2 3 4 5 calm":   `line 3: "1 2 3 4 5 calm": want start, raised, peak`,
		"0 1\nevents\n1 2 3 4 5 6 x":    `line 3: the reason is "x", want calm or source_ended`,
		"0 1\nevents\n1 2 3 4 5 y calm": `line 3: "y" is not a number`,
		strings.Repeat("0", 5000):       "line 1: bufio.Scanner: token too long",
	} {
		if _, err := ParseTimeline(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", text, err, want)
		}
	}
	got, err := ParseTimeline(strings.NewReader("open_after 0.25 # s\n0 1\n2.5 0.5 gap\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := DefaultConfig()
	want.OpenAfter, want.UpdateEvery = 250_000_000, 0
	if got.Config() != want || got.Lo != 0 || got.Theta != 1 || got.Events != nil || len(got.Clips) != 2 ||
		!got.Clips[1].Gap || got.Clips[1].Time().Seconds() != 2.5 || got.Clips[1].Error != 0.5 {
		t.Errorf("read %+v", got)
	}
	if err := got.CheckEvents([]TimelineEvent{{}}); err != nil {
		t.Errorf("nothing is expected: %v", err)
	}
}

// TestTimelineShowsDifferences expects an error that shows the expected events and the detector's.
func TestTimelineShowsDifferences(t *testing.T) {
	const story = "open_after 0\n0 2\n1 2\nevents\n"
	for events, want := range map[string]string{
		"":                                 "expects no event, and the detector gives 0 0 0 1 2 0 source_ended",
		"0 0 0 1 2 0 calm\n":               "expects 0 0 0 1 2 0 calm, and the detector gives 0 0 0 1 2 0 source_ended",
		"0 0 0 1 2.0001 0 source_ended":    "expects 0 0 0 1 2.0001 0 source_ended, and",
		"0 0 0 1 2 0 source_ended\n":       "",
		"0 0 0 1 2.0000001 0 source_ended": "",
	} {
		parsed, err := ParseTimeline(strings.NewReader(story + events))
		if err != nil {
			t.Fatal(err)
		}
		err = parsed.CheckEvents(parsed.Replay())
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", events, err, want)
		}
	}
}

func TestReplayOfNothing(t *testing.T) {
	if got := Replay(slices.Values([]Clip(nil)), DefaultConfig()); got != nil {
		t.Errorf("events %+v of no clip", got)
	}
}

func TestTimelineIsDocumented(t *testing.T) {
	docs.CheckFields(t, "timeline.md", "Settings", reflect.TypeFor[TimelineSettings]())
	docs.CheckFields(t, "timeline.md", "Events", reflect.TypeFor[TimelineEvent]())
	docs.CheckNames(t, "timeline.md", "End reasons", EndCalm, EndSourceEnded)
}

func FuzzTimeline(f *testing.F) {
	f.Add("lo 1\ntheta 2\nopen_after 0.5\n0 1\n1 3 gap\n2 3\nevents\n1 2 3 4 5 6 calm\n")
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := ParseTimeline(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, e := range parsed.Replay() {
			if !(e.StartSeconds <= e.RaisedSeconds && e.StartSeconds <= e.PeakSeconds &&
				e.StartSeconds <= e.EndSeconds) || math.IsNaN(e.PeakRegularity) {
				t.Errorf("event %+v", e)
			}
		}
	})
}
