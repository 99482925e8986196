package detect

import (
	"slices"

	"vigil/geometry"
)

// Zone is a named area; an event lists the zones that it overlaps.
type Zone struct {
	Name string
	Area geometry.Polygon
}

// ZoneFinder finds the zones that boxes overlap.
type ZoneFinder struct {
	zones []Zone
	cells [][]bool // [zone][zoneGrid*zoneGrid]
}

// zoneGrid is finer than the boxes' cells, so that a narrow zone between two cell centres is not missed.
const zoneGrid = 4 * gridCells

// NewZoneFinder rasterizes the zones.
func NewZoneFinder(zones []Zone) ZoneFinder {
	f := ZoneFinder{zones: zones}
	for _, z := range zones {
		f.cells = append(f.cells, geometry.Rasterize([]geometry.Polygon{z.Area}, zoneGrid, zoneGrid))
	}
	return f
}

// Overlapping returns the names of the zones that any of the boxes overlaps, in the configuration's order.
func (f ZoneFinder) Overlapping(boxes []geometry.Box) []string {
	var names []string
	for i, z := range f.zones {
		if slices.ContainsFunc(boxes, func(b geometry.Box) bool { return overlaps(f.cells[i], b) }) {
			names = append(names, z.Name)
		}
	}
	return names
}

func overlaps(cells []bool, b geometry.Box) bool {
	for y := int(b.Y * zoneGrid); y < min(zoneGrid, int((b.Y+b.H)*zoneGrid)); y++ {
		for x := int(b.X * zoneGrid); x < min(zoneGrid, int((b.X+b.W)*zoneGrid)); x++ {
			if cells[y*zoneGrid+x] {
				return true
			}
		}
	}
	return false
}
