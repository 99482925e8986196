package detect

import "testing"

func TestApplyScales(t *testing.T) {
	both := []Scale{{Measure: Motion, Lo: 0, Theta: 1}, {Measure: Appearance, Lo: 10, Theta: 30}}
	read := func(motion, appearance float64) [2]Reading {
		return [2]Reading{{Measure: Motion, Error: motion}, {Measure: Appearance, Error: appearance}}
	}
	for name, c := range map[string]struct {
		readings           [2]Reading
		scales             []Scale
		err, regularity    float64
		excess             float64
		cause              Measure
		regularityUnchange bool
	}{
		"motion is farther": {readings: read(2, 20), scales: both, err: 2, regularity: 0, excess: 2, cause: Motion},
		"appearance is farther": {
			readings: read(0.5, 40), scales: both, err: 40, regularity: 0.25, excess: 1.5, cause: Appearance,
		},
		"equal":         {readings: read(0.5, 20), scales: both, err: 0.5, regularity: .75, excess: 0.5, cause: Motion},
		"both below lo": {readings: read(-2, 0), scales: both, err: 0, regularity: 1, excess: -0.5, cause: Appearance},
		"one measure alone": {
			readings: read(2, 20), scales: both[1:], err: 20, regularity: 0.75, excess: 0.5, cause: Appearance,
		},
		"constants": {
			readings: read(0.5, 99), scales: []Scale{{Lo: 0, Theta: 1}}, err: 0.5, regularity: 0.75, excess: 0.5,
			cause: Motion,
		},
		"no threshold": {readings: read(3, 20), err: 3, cause: Motion, regularityUnchange: true},
		"a measure that the clip lacks": {
			readings: [2]Reading{{Measure: Appearance, Error: 20}}, scales: both, err: 20, regularity: 0.75,
			excess: 0.5, cause: Appearance,
		},
	} {
		clip := Clip{Readings: c.readings, Regularity: -1}
		clip.ApplyScales(c.scales)
		want := c.regularity
		if c.regularityUnchange {
			want = -1
		}
		if clip.Error != c.err || clip.Regularity != want || clip.Excess != c.excess || clip.Cause != c.cause {
			t.Errorf("%s: error %g, regularity %g, excess %g, cause %s", name, clip.Error, clip.Regularity, clip.Excess,
				clip.Cause)
		}
	}
}
