package alerts

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"vigil/geometry"
)

func sample(phase Phase) Alert {
	t0 := time.Date(2026, 3, 14, 22, 5, 9, 250_000_000, time.UTC)
	a := Alert{
		SchemaVersion: SchemaVersion,
		ID:            "01JPB5Z7T2W4K8M3N6Q9R1S5VX",
		Phase:         phase,
		Kind:          KindAnomaly,
		Camera:        "front-door",
		Zones:         []string{"gate"},
		Boxes:         []geometry.Box{{X: 0.25, Y: 0.5, W: 0.125, H: 0.25}},
		Start:         Moment{Wall: t0, StreamSeconds: 61.5, Frame: 1537},
		Peak:          Moment{Wall: t0.Add(2 * time.Second), StreamSeconds: 63.5, Frame: 1587},
		Measurement: &Measurement{
			Error: 0.0461, Regularity: 0.31, PeakError: 0.0502, PeakRegularity: 0.22,
			Lo: 0.018, Threshold: 0.0386, Severity: 0.78,
		},
		DurationSeconds: 2,
		Model:           Model{Name: "small", Version: "1", Hash: "9f2c"},
		CalibrationID:   "front-door-1",
		Source:          Source{Width: 1280, Height: 720, FPS: 25},
		Latency:         &Latency{CaptureMS: 640, QueueMS: 12, ScoreMS: 88, PublishMS: 3},
	}
	switch phase {
	case PhaseUpdate:
		a.Seq = 1
	case PhaseEnd:
		a.Seq, a.DurationSeconds, a.EndReason = 2, 7.5, EndCalm
		a.End = &Moment{Wall: t0.Add(7500 * time.Millisecond), StreamSeconds: 69, Frame: 1725}
	}
	return a
}

func untrusted() Alert {
	a := sample(PhaseStart)
	a.ID, a.Kind, a.Measurement, a.CalibrationID, a.Latency = "01JPB5Z7T2W4K8M3N6Q9R1S5VY", KindUntrusted, nil, "", nil
	a.Zones, a.Boxes, a.GapBefore, a.Source.FPS = nil, nil, true, 0
	return a
}

func piece() Evidence {
	return Evidence{
		Kind: EvidenceSnapshot, MediaType: "image/jpeg", Bucket: "VIGIL_EVIDENCE",
		Name:  "01JPB5Z7T2W4K8M3N6Q9R1S5VX/snapshot-1587.jpg",
		Bytes: 184211, SHA256: strings.Repeat("0f", 32), Width: 1280, Height: 720, Frame: 1587,
	}
}

func withEvidence() Alert {
	a, clip := sample(PhaseEnd), piece()
	clip.Kind, clip.MediaType, clip.Name = EvidenceClip, "video/mp4", "01JPB5Z7T2W4K8M3N6Q9R1S5VX/clip-1412.mp4"
	clip.Width, clip.Height, clip.Frame, clip.Seconds, clip.Reduced = 640, 360, 1412, 12.6, true
	a.Evidence = []Evidence{piece(), clip}
	return a
}

// pendingEnd is an end that was published before its clip was finished.
func pendingEnd() Alert {
	a := withEvidence()
	a.EvidencePending = []PendingEvidence{{Kind: EvidenceClip, Bucket: "VIGIL_EVIDENCE", Name: a.Evidence[1].Name}}
	a.Evidence = a.Evidence[:1]
	return a
}

// golden returns all messages of the files in testdata, by file name.
func golden() map[string]Alert {
	return map[string]Alert{
		"start.json": sample(PhaseStart), "update.json": sample(PhaseUpdate),
		"end.json": sample(PhaseEnd), "untrusted.json": untrusted(), "with_evidence.json": withEvidence(),
		"late.json": pendingEnd(),
	}
}

func TestGoldenFilesRoundTrip(t *testing.T) {
	for name, a := range golden() {
		t.Run(name, func(t *testing.T) {
			message, err := Encode(a)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", name)
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(path, append(message, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(message) + "\n"; got != string(want) {
				t.Errorf("encoded\n%s\nwant\n%s", got, want)
			}
			back, err := Decode(want)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(back, a) {
				t.Errorf("decoded\n%+v\nwant\n%+v", back, a)
			}
		})
	}
}

func TestEncodeNamesTheField(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Alert)
		want   string
	}{
		{"id", func(a *Alert) { a.ID = "7" }, "alert_id"},
		{"lower-case id", func(a *Alert) { a.ID = strings.ToLower(a.ID) }, "alert_id"},
		{"id beyond 128 bits", func(a *Alert) { a.ID = "8" + a.ID[1:] }, "alert_id"},
		{"seq", func(a *Alert) { a.Seq = -1 }, "seq"},
		{"phase", func(a *Alert) { a.Phase = "middle" }, "phase"},
		{"kind", func(a *Alert) { a.Kind = "" }, "kind"},
		{"camera", func(a *Alert) { a.Camera = "Front.Door" }, `"front-door"`},
		{"start", func(a *Alert) { a.Start.Wall = time.Time{} }, "start.wall"},
		{"peak", func(a *Alert) { a.Peak.StreamSeconds = math.Inf(1) }, "peak.stream_seconds"},
		{"end in a start", func(a *Alert) { a.End = &a.Start }, "end is set"},
		{"reason in a start", func(a *Alert) { a.EndReason = EndCalm }, "end_reason"},
		{"no end", func(a *Alert) { a.Phase = PhaseEnd }, "end is missing"},
		{"no reading", func(a *Alert) { a.Measurement = nil }, "error"},
		{"nan", func(a *Alert) { a.Error = math.NaN() }, "error is NaN"},
		{"infinite", func(a *Alert) { a.PeakError = math.Inf(1) }, "peak_error is +Inf"},
		{"regularity", func(a *Alert) { a.Regularity = 1.1 }, "regularity"},
		{"box", func(a *Alert) { a.Boxes[0].W = -1 }, "boxes[0].w"},
		{"duration", func(a *Alert) { a.DurationSeconds = -1 }, "duration_seconds"},
		{"source", func(a *Alert) { a.Source.Width = -1 }, "source"},
		{
			"digest", func(a *Alert) { a.Evidence = []Evidence{piece()}; a.Evidence[0].SHA256 = "AB" },
			"evidence[0].sha256",
		},
		{
			"object", func(a *Alert) { a.Evidence = []Evidence{piece(), piece()}; a.Evidence[1].Name = "" },
			"evidence[1].name",
		},
		{
			"length", func(a *Alert) { a.Evidence = []Evidence{piece()}; a.Evidence[0].Seconds = math.NaN() },
			"evidence[0].seconds",
		},
		{
			"promise in a start", func(a *Alert) { a.EvidencePending = pendingEnd().EvidencePending },
			"evidence_pending is set",
		},
		{
			"promise of nothing", func(a *Alert) { *a = pendingEnd(); a.EvidencePending[0].Name = "" },
			"evidence_pending[0]",
		},
		{"newer", func(a *Alert) { a.SchemaVersion = 2 }, "schema_version"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := sample(PhaseStart)
			c.change(&a)
			if _, err := Encode(a); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one that names %s", err, c.want)
			}
		})
	}
}

// edited is the golden end message after a change to its envelope and data.
func edited(t *testing.T, change func(envelope, data map[string]any)) []byte {
	t.Helper()
	message, err := Encode(sample(PhaseEnd))
	if err != nil {
		t.Fatal(err)
	}
	var envelope map[string]any
	if err := json.Unmarshal(message, &envelope); err != nil {
		t.Fatal(err)
	}
	change(envelope, envelope["data"].(map[string]any))
	out, err := json.Marshal(envelope)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestDecodeRefuses(t *testing.T) {
	for _, field := range append(append(append([]string{}, requiredFields...), requiredMeasurement...),
		requiredEnd...) {
		t.Run("without "+field, func(t *testing.T) {
			_, err := Decode(edited(t, func(_, data map[string]any) { delete(data, field) }))
			if err == nil || !strings.Contains(err.Error(), field) {
				t.Errorf("error %v, want one that names %s", err, field)
			}
		})
	}
	for _, attribute := range []string{"id", "type", "source", "subject", "specversion", "data"} {
		t.Run("without "+attribute, func(t *testing.T) {
			if a, err := Decode(edited(t, func(e, _ map[string]any) { delete(e, attribute) })); err == nil {
				t.Errorf("decoded %+v", a)
			}
		})
	}
	for name, message := range map[string][]byte{
		"nothing":     nil,
		"text":        []byte("hello"),
		"null":        []byte("null"),
		"array":       []byte("[]"),
		"junk behind": append(edited(t, func(_, _ map[string]any) {}), '}'),
		"other id":    edited(t, func(e, _ map[string]any) { e["id"] = "x:1" }),
		"other type":  edited(t, func(e, _ map[string]any) { e["type"] = "vigil.alert.start" }),
		"newer":       edited(t, func(_, d map[string]any) { d["schema_version"] = 2 }),
		"text as seq": edited(t, func(_, d map[string]any) { d["seq"] = "2" }),
		"null peak":   edited(t, func(_, d map[string]any) { d["peak"] = nil }),
		"empty peak":  edited(t, func(_, d map[string]any) { d["peak"] = map[string]any{} }),
	} {
		t.Run(name, func(t *testing.T) {
			a, err := Decode(message)
			if err == nil {
				t.Fatalf("decoded %+v", a)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error of several lines: %q", err)
			}
		})
	}
}

func TestDecodeIgnoresUnknownFields(t *testing.T) {
	got, err := Decode(edited(t, func(envelope, data map[string]any) {
		envelope["traceparent"] = "00-1-2-01"
		data["weather"] = []any{map[string]any{"href": "x"}}
		data["peak"].(map[string]any)["frames_before"] = 3
	}))
	if err != nil {
		t.Fatal(err)
	}
	if want := sample(PhaseEnd); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	a, err := Decode(edited(t, func(_, data map[string]any) { data["end_reason"] = "moved_away" }))
	if err != nil || a.EndReason != "moved_away" {
		t.Errorf("an end with an unknown reason: %q, %v", a.EndReason, err)
	}
}

func TestTimeFollowsThePhase(t *testing.T) {
	for phase, want := range map[Phase]time.Time{
		PhaseStart: sample(PhaseEnd).Start.Wall, PhaseUpdate: sample(PhaseEnd).Peak.Wall,
		PhaseEnd: sample(PhaseEnd).End.Wall,
	} {
		if got := sample(phase).Time(); !got.Equal(want) {
			t.Errorf("%s: %v, want %v", phase, got, want)
		}
	}
}

func TestSeverityIsClamped(t *testing.T) {
	for r, want := range map[float64]float64{1: 0, 0.5: 0.5, 0: 1, -3: 1, 2: 0} {
		if got := Severity(r); got != want {
			t.Errorf("Severity(%v) = %v, want %v", r, got, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, a := range golden() {
		message, err := Encode(a)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(message)
	}
	f.Add([]byte(`{"specversion":"1.0","id":"","source":"","type":"","data_base64":"e30="}`))
	f.Fuzz(func(t *testing.T, message []byte) {
		a, err := Decode(message)
		if err != nil {
			return
		}
		again, err := Encode(a)
		if err != nil {
			t.Fatalf("decoded, but does not encode: %v", err)
		}
		b, err := Decode(again)
		if err != nil {
			t.Fatalf("encoded, but does not decode: %v", err)
		}
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("%+v became %+v", a, b)
		}
	})
}
