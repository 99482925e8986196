//go:build cgo && gocv_videoio

package main

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"vigil/internal/testenv"
	"vigil/pipeline/calibrate"
)

// With two measures each has a threshold, and scores and alerts name the one that raised them.
func TestTwoMeasures(t *testing.T) {
	ped2 := testenv.Data(t, "ped2")
	const weights = "../../weights/ped2-small.safetensors"
	dir := t.TempDir()
	record, scores := filepath.Join(dir, "gate.json"), filepath.Join(dir, "scores.csv")
	mustRunVigil(t, "calibrate", filepath.Join(ped2, "train", "01.mkv"), "-m", weights, "--camera", "gate", "--hop",
		"4", "--measure", "both", "-o", record)
	cal, err := calibrate.Read(record)
	if err != nil || cal.Appearance == nil || cal.Appearance.Theta <= cal.Theta {
		t.Fatalf("%+v: %v", cal, err)
	}
	mustRunVigil(t, "replay", filepath.Join(ped2, "test", "03.mkv"), "-m", weights, "--hop", "4", "--calibration",
		record, "--scores", scores, "--no-publish")
	f, err := os.Open(scores)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) < 30 {
		t.Fatalf("%d rows: %v", len(rows), err)
	}
	causes := map[string]int{}
	for _, row := range rows[1:] {
		causes[row[6]]++
		if column := map[string]int{"motion": 4, "appearance": 5}[row[6]]; column == 0 || row[2] != row[column] {
			t.Fatalf("row %v", row)
		}
	}
	if causes["motion"] == 0 {
		t.Errorf("causes %v", causes)
	}
	var seen struct{ Events []json.RawMessage }
	text := mustRunVigil(t, "detect", scores, "--fps", "10", "--calibration", record, "--json")
	if err := json.Unmarshal([]byte(text), &seen); err != nil || len(seen.Events) == 0 {
		t.Errorf("detect found %s: %v", text, err)
	}
}
