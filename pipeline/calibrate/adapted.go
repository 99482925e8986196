package calibrate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"vigil/internal/output"
	"vigil/internal/regular"
	"vigil/pipeline/detect"
)

// adaptedVersion is the version of the file of an Adapted.
const adaptedVersion = 1

// Adapted is what an Adaptive has learned, as it is kept in the data directory.
type Adapted struct {
	Version     int    `json:"version"`
	Camera      string `json:"camera"`
	Calibration string `json:"calibration_id"` // that it began with
	// Seconds of normal video while watching, in addition to the calibration's.
	Seconds float64 `json:"seconds"`
	// AlarmsExpected is how many false alarms a day the thresholds are for, by all measures.
	AlarmsExpected float64          `json:"alarms_expected"`
	Measures       []AdaptedMeasure `json:"measures"`
}

// AdaptedMeasure is the threshold of one measure and what it rests on.
type AdaptedMeasure struct {
	Measure detect.Measure `json:"measure"`
	Lo      float64        `json:"lo"`
	Theta   float64        `json:"theta"`
	Blocks  int            `json:"blocks"` // pieces of normal video
	// Numbers and Levels are the highest of these pieces, in order; those with successive numbers follow on each other.
	Numbers []int64   `json:"numbers"`
	Levels  []float64 `json:"levels"`
}

func (m *AdaptedMeasure) blocks() []block {
	out := make([]block, len(m.Levels))
	for i := range out {
		out[i] = block{m.Numbers[i], m.Levels[i]}
	}
	return out
}

// Adapted returns what has been learned so far.
func (a *Adaptive) Adapted() *Adapted {
	out := &Adapted{
		Version: adaptedVersion, Camera: a.cal.Key.Camera, Calibration: a.cal.ID, Seconds: a.seconds,
		AlarmsExpected: a.cal.expected(a.days()),
	}
	for _, m := range a.measures {
		s := AdaptedMeasure{Measure: m.measure, Lo: m.lo, Theta: m.theta, Blocks: m.total}
		for _, b := range m.highest {
			s.Numbers, s.Levels = append(s.Numbers, b.number), append(s.Levels, b.level)
		}
		out.Measures = append(out.Measures, s)
	}
	return out
}

// fits reports whether it belongs to the calibration that a began with.
func (s *Adapted) fits(a *Adaptive) bool {
	if s == nil || s.Calibration != a.cal.ID || len(s.Measures) != len(a.measures) {
		return false
	}
	for i, m := range a.measures {
		if s.Measures[i].Measure != m.measure || s.Measures[i].Lo != m.lo {
			return false
		}
	}
	return true
}

// ReadAdapted reads a file that Adapted.Write wrote.
func ReadAdapted(path string) (*Adapted, error) {
	text, err := regular.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s := &Adapted{}
	from := json.NewDecoder(bytes.NewReader(text))
	from.DisallowUnknownFields()
	if err := from.Decode(s); err != nil {
		return nil, fmt.Errorf("read %s: not what vigil wrote: %w", path, err)
	}
	if s.Version != adaptedVersion {
		return nil, fmt.Errorf("read %s: version is %d, must be %d", path, s.Version, adaptedVersion)
	}
	for _, m := range s.Measures {
		sorted := slices.IsSorted(m.Numbers)
		if len(m.Numbers) != len(m.Levels) || len(m.Levels) > 2*keptBlocks || !sorted || m.Blocks < len(m.Levels) ||
			!(m.Lo < m.Theta) || math.IsInf(m.Theta-m.Lo, 0) || !(s.Seconds >= 0) {
			return nil, fmt.Errorf("read %s: the values of %s do not fit together: the file was damaged or changed",
				path, m.Measure)
		}
	}
	return s, nil
}

// Write replaces the file atomically.
func (s *Adapted) Write(path string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return output.Write(path, append(text, '\n'), 0o600)
}
