package pipeline

import (
	"fmt"

	"vigil/video"
)

// Memory is the memory budget for the pictures of all cameras in this process, in bytes.
type Memory struct {
	Clips int64 // cuboids of all cameras that are filled, pending or scored; beyond it whole clips are skipped
	Ring  int   // for one camera's previews, and as much for its full-size pictures and for its model input
}

// minBuffers is the minimum number of a camera's cuboids: one that is filled, and one that is pending or scored. A
// third avoids skipping while another is pending and one is scored.
const minBuffers = 2

// evidenceRings is the number of rings' memory reserved for evidence in progress, which holds previews and model input
// after they have left their rings.
const evidenceRings = 2 * 9

// minRing is the minimum useful size: some previews.
const minRing = 256 << 10

// DivideMemory divides bytes among the cameras: at most half for cuboids, the rest for evidence. It returns an error if
// they do not suffice.
func DivideMemory(bytes int64, cameras []Camera) (Memory, error) {
	var minimum, maximum int64
	for i := range cameras {
		size := clipBytes(&cameras[i])
		minimum += minBuffers * size
		maximum += (minBuffers + 1) * size
	}
	rings := int64(3*len(cameras) + evidenceRings)
	m := Memory{Clips: min(maximum, bytes/2)}
	m.Ring = int((bytes - m.Clips) / rings)
	if m.Clips < minimum || m.Ring < minRing {
		return m, fmt.Errorf("is %d, must be at least %d MiB for these cameras", bytes>>20,
			(max(2*minimum, minimum+rings*minRing, 2*rings*minRing)>>20)+1)
	}
	return m, nil
}

// clipBytes is the size of a camera's cuboid.
func clipBytes(c *Camera) int64 {
	side := int64(c.Model.Spec().Side)
	return 4 * video.CuboidFrames * side * side
}
