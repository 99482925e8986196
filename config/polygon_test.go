package config

import (
	"strings"
	"testing"

	"vigil/geometry"
)

// An outline whose corners are in the wrong order covers less than intended.
func TestPolygonsThatCross(t *testing.T) {
	for name, tt := range map[string]struct {
		polygon geometry.Polygon
		want    string
	}{
		"a triangle": {geometry.Polygon{{X: 0, Y: 0}, {X: 1, Y: 0}, {X: 0, Y: 1}}, ""},
		"a square":   {geometry.Polygon{{X: 0, Y: 0}, {X: 1, Y: 0}, {X: 1, Y: 1}, {X: 0, Y: 1}}, ""},
		"an arrow":   {geometry.Polygon{{X: 0, Y: 0}, {X: .5, Y: .4}, {X: 1, Y: 0}, {X: .5, Y: 1}}, ""},
		"a bow tie": {
			geometry.Polygon{{X: 0, Y: 0}, {X: 1, Y: 1}, {X: 1, Y: 0}, {X: 0, Y: 1}},
			"from corner 1 to 2 and the edge from corner 3 to 4",
		},
		"a bow tie, turned": {
			geometry.Polygon{{X: 0, Y: 0}, {X: 1, Y: 0}, {X: 0, Y: 1}, {X: 1, Y: 1}},
			"from corner 2 to 3 and the edge from corner 4 to 1",
		},
		// A hole is connected by two coinciding edges.
		"a frame": {geometry.Polygon{
			{X: 0, Y: 0},
			{X: 1, Y: 0},
			{X: 1, Y: 1},
			{X: 0, Y: 1},
			{X: 0, Y: 0},
			{X: .25, Y: .25},
			{X: .25, Y: .75},
			{X: .75, Y: .75},
			{X: .75, Y: .25},
			{X: .25, Y: .25},
		}, ""},
		"two that touch": {geometry.Polygon{
			{X: 0, Y: 0},
			{X: .5, Y: .5},
			{X: 1, Y: 0},
			{X: 1, Y: 1},
			{X: .5, Y: .5},
			{X: 0, Y: 1},
		}, ""},
	} {
		c := Camera{Name: "gate", Settings: Default().Defaults}
		c.Mask, c.Zones = []geometry.Polygon{tt.polygon}, []Zone{{"z", tt.polygon}}
		var found problemList
		found.settings("cameras[0]", c.Settings)
		text := (&Errors{Problems: found}).Error
		switch {
		case tt.want == "" && len(found) > 0, tt.want != "" && (len(found) != 2 || strings.Count(text(), tt.want) != 2):
			t.Errorf("%s: %v, want %q of the mask and of the zone", name, found, tt.want)
		}
	}
}
