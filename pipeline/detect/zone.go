package detect

import (
	"vigil/geometry"
)

// Zone is a named area; an event lists the zones that it overlaps.
type Zone struct {
	Name string
	Area geometry.Polygon
}
