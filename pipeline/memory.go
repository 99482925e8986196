package pipeline

import (
	"fmt"

	"vigil/video"
)

// Memory is what the pictures of all cameras may take in this process, in bytes.
type Memory struct {
	Clips int64 // that are filled, wait or are scored, of all cameras; beyond it whole clips are skipped
	Ring  int   // what one camera keeps of previews, and again of pictures of full size and of what the model saw
}

// clipsAtLeast is how many clips a camera must have room for: one that is filled, and one that waits or is scored. A
// third keeps one from being skipped while both are.
const clipsAtLeast = 2

// ringsBeside is for how many rings there is room beside those of the cameras: evidence that waits to be made holds
// previews, and what the model saw, after they have left their rings.
const ringsBeside = 2 * 9

// leastRing is the least that is of use: some previews.
const leastRing = 256 << 10

// DivideMemory divides bytes among the cameras: at most half goes to clips, the rest to what is kept for evidence. It
// is an error where they do not suffice for that.
func DivideMemory(bytes int64, cameras []Camera) (Memory, error) {
	var least, most int64
	for i := range cameras {
		size := clipBytes(&cameras[i])
		least += clipsAtLeast * size
		most += (clipsAtLeast + 1) * size
	}
	rings := int64(3*len(cameras) + ringsBeside)
	m := Memory{Clips: min(most, bytes/2)}
	m.Ring = int((bytes - m.Clips) / rings)
	if m.Clips < least || m.Ring < leastRing {
		return m, fmt.Errorf("is %d, must be at least %d MiB for these cameras", bytes>>20,
			(max(2*least, least+rings*leastRing, 2*rings*leastRing)>>20)+1)
	}
	return m, nil
}

// clipBytes is what a camera's cuboid takes.
func clipBytes(c *Camera) int64 {
	side := int64(c.Model.Spec().Side)
	return 4 * video.CuboidFrames * side * side
}
