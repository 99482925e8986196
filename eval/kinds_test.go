package eval

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vigil/pipeline"
	"vigil/pipeline/detect"
)

// kindVideo is a video of 300 frames at ten a second of a kind, with an error of 5 from the first high frame up to the
// last one, and of 1 elsewhere. It is labelled from frame 100 to 199 unless it is quiet.
func kindVideo(name, kind, group string, highFirst, highLast int) Recording {
	r := Recording{Name: name, Abnormal: make([]bool, 300), FPS: 10, Kind: Kind{kind, group}}
	for i := 100; i < 200 && group != "quiet"; i++ {
		r.Abnormal[i] = true
	}
	var starts []int
	var errs []float64
	for s := 0; s+16 <= 300; s += 2 {
		e := 1.0
		if s+15 >= highFirst && s+15 <= highLast {
			e = 5
		}
		starts, errs = append(starts, s), append(errs, e)
	}
	r.Clips = clipsAt(starts, errs...)
	for i := range r.Clips {
		c := &r.Clips[i]
		c.ScoredFrom = c.Last
		c.Readings = [2]detect.Reading{
			{Measure: detect.Motion, Error: c.Error}, {Measure: detect.Appearance, Error: c.Error / 2},
		}
	}
	return r
}

func TestKinds(t *testing.T) {
	untrusted := func(r Recording, first, reported, last int) Recording {
		r.Untrusted = append(r.Untrusted, Untrusted{Span{first, last}, reported, "covered"})
		return r
	}
	recordings := []Recording{
		untrusted(kindVideo("covered-1", "covered", "camera", -1, -1), 102, 116, 220),
		untrusted(kindVideo("covered-2", "covered", "camera", -1, -1), 100, 151, 220), // too late
		untrusted(kindVideo("covered-3", "covered", "camera", -1, -1), 20, 30, 60),    // of something else
		kindVideo("fall-1", "fall", "scene", 110, 130),
		kindVideo("fall-2", "fall", "scene", 120, 140),
		kindVideo("fall-3", "fall", "scene", 20, 40),
		kindVideo("lorry-1", "lorry", "quiet", 100, 120), // an alarm of the scene does not count
		kindVideo("nothing-1", "nothing", "quiet", 100, 120),
		kindVideo("walker-1", "walker", "quiet", -1, -1),
		untrusted(kindVideo("walker-2", "walker", "quiet", -1, -1), 100, 120, 140),
	}
	cfg := detect.Config{Enter: 0.5, Leave: 0.6, OpenAfter: 500 * time.Millisecond, CloseAfter: time.Second}
	result, err := Evaluate(recordings, Options{
		Hop: 1, Detector: cfg, Thresholds: Thresholds{"": pipeline.Threshold{Lo: 1, Theta: 2}},
	})
	if err != nil {
		t.Fatal(err)
	}
	k := result.Kinds
	if k.Found != 2 || k.Of != 2 || k.Quiet != 2 || k.QuietOf != 4 || k.False != 2 || k.Tampering != 1 ||
		k.TamperingOf != 3 || !near(k.Hours, 6*20./3600) {
		t.Errorf("sums %+v", k)
	}
	var names []string
	for _, b := range k.ByKind {
		names = append(names, b.Kind)
	}
	if got := strings.Join(names, " "); got != "fall covered nothing walker lorry" {
		t.Fatalf("kinds %s", got)
	}
	fall, covered := k.ByKind[0], k.ByKind[1]
	if fall.Found != 2 || fall.False != 1 || fall.Tampering || covered.Found != 2 || covered.False != 1 ||
		!covered.Tampering || !k.ByKind[4].Ignored || k.ByKind[4].False != 0 {
		t.Errorf("kinds %+v", k.ByKind)
	}
	// A clip ends with every second frame, from 15 on: the first high one ends at 111, and 0.5 s later is 117.
	if v := fall.Instances[0]; !v.Found || !near(v.Delay, 1.7) || v.Cause != "motion" || !near(v.Motion, 2.5) ||
		v.Appearance.defined() || !near(v.Calm, 0.8) {
		t.Errorf("fall %+v", v)
	}
	if v := covered.Instances[0]; !v.Untrusted || v.Reason != "covered" || !near(v.UntrustedDelay, 1.6) ||
		!near(v.Calm, 0.16) || !near(v.Motion, 0.5) {
		t.Errorf("covered %+v", v)
	}
	if v := covered.Instances[2]; v.Untrusted || v.UntrustedFalse != 1 || !near(v.Calm, 1) {
		t.Errorf("covered %+v", v)
	}
	var out bytes.Buffer
	if err := k.Print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"covered  camera  2 of 3", "2 covered", "kinds: 2 of 2 found in at least two thirds of their instances; 2 of 4",
		"1 of 3 times tampering reported within 5 s",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if text, err := json.Marshal(result); err != nil || !bytes.Contains(text, []byte(`"by_kind":[{"kind":"fall"`)) {
		t.Errorf("JSON %s, %v", text, err)
	}
}

// TestKindsByTwoMeasures has the multiples of both thresholds.
func TestKindsByTwoMeasures(t *testing.T) {
	v := KindInstance{Motion: nan, Appearance: nan}
	r := kindVideo("fall-1", "fall", "scene", 110, 130)
	v.readings(r, r.Clips, []detect.Scale{
		{Measure: detect.Motion, Lo: 1, Theta: 10}, {Measure: detect.Appearance, Lo: 0.5, Theta: 2},
	}, 0.6)
	if !near(v.Motion, 0.5) || !near(v.Appearance, 1.25) || !near(v.Calm, 0.8) {
		t.Errorf("%+v", v)
	}
}

func TestReadManifest(t *testing.T) {
	path := filepath.Join(t.TempDir(), ManifestFile)
	if all, err := readManifest(path); all != nil || err != nil {
		t.Errorf("without a file: %v, %v", all, err)
	}
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(ManifestHeader + "\nfall-1,fall,1,scene,50,120,7\n")
	if all, err := readManifest(path); err != nil || all["fall-1"] != (Kind{"fall", "scene"}) {
		t.Errorf("%v, %v", all, err)
	}
	for _, text := range []string{"video,kind\nfall-1,fall\n", ManifestHeader + "\nfall-1,fall\n"} {
		write(text)
		if all, err := readManifest(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v, %v", text, all, err)
		}
	}
}
