package preprocess

import "vigil/video"

// A picture is lone if a large part of it differs from both neighbours while these agree: damage of one picture, a
// flash. All 16 cuboids that hold it would be rebuilt badly.
const (
	loneStride = 5  // every fifth pixel is compared, which is not a divisor of the usual sides
	loneStep   = 24 // grey levels by which a lone pixel differs from both neighbours
	// At least one pixel in loneShare is lone: 6 to 42 % of damaged pictures were, and at most 1.7 % of sound ones on
	// UCSD Ped2, Avenue and vtest.avi at 10 to 25 frames a second.
	loneShare = 25
	// At most half as many pixels as are lone differ between the neighbours, by half of loneStep; on these videos at
	// least three times as many do.
	loneAgree = 2
)

// repair replaces the last picture but one by the one before it if it is lone, so that only the cuboid that it
// completed shows it. It does so once in 16 pictures: what flickers is not damage.
func (w *Window) repair() {
	if w.kept < 3 || w.repaired > 0 && w.kept-w.repaired < video.CuboidFrames {
		return
	}
	gray := func(ago int) []byte { return w.ring[(w.kept-1-ago)%video.CuboidFrames].Gray }
	before, at, after := gray(2), gray(1), gray(0)
	lone, changed, n := 0, 0, 0
	for i := 0; i < len(at); i += loneStride {
		a, b, c := int(before[i]), int(at[i]), int(after[i])
		if distance(b, a) > loneStep && distance(b, c) > loneStep {
			lone++
		}
		if distance(a, c) > loneStep/2 {
			changed++
		}
		n++
	}
	if lone*loneShare < n || changed*loneAgree > lone {
		return
	}
	copy(at, before)
	w.repaired = w.kept
	w.repairs++
}

// Repaired returns how many pictures were replaced because they alone differ from their neighbours.
func (w *Window) Repaired() uint64 { return w.repairs }

func distance(a, b int) int { return max(a-b, b-a) }
