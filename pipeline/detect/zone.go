package detect

import (
	"vigil/geometry"
)

// Zone is a named area; an event names the zones that it touches.
type Zone struct {
	Name string
	Area geometry.Polygon
}
