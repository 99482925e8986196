package eval

// maskTracks makes tracks of the regions of a video's masks: the connected components of the abnormal pixels through
// time. Regions of masks that follow each other belong to one track if they share a pixel.
//
// A track that splits stays one track with several regions in a mask. Tracks that merge become one, from their
// beginnings on, so two people who pass in front of each other count once. One who is hidden for a frame, or moves by
// more than its own size from one frame to the next, becomes two.
//
// A track is known for certain only after the last mask; until then it has a number of its own, which root resolves.
type maskTracks struct {
	parent []int // of each number; itself for a root. Numbers of all videos, each used once
	// latest has the number of each abnormal pixel of the latest mask, -1 for others, [height][width].
	latest        []int
	width, height int
}

// startVideo forgets the latest mask.
func (t *maskTracks) startVideo() { t.latest, t.width, t.height = nil, 0, 0 }

// follow returns the regions of the video's next mask with their tracks' numbers.
func (t *maskTracks) follow(m *Mask) []region {
	regions := m.regions()
	before := t.latest
	if m.Width != t.width || m.Height != t.height {
		before = nil
	}
	t.width, t.height = m.Width, m.Height
	t.latest = make([]int, len(m.Abnormal))
	for i := range t.latest {
		t.latest[i] = -1
	}
	for r := range regions {
		track := -1
		for _, i := range regions[r].pixel {
			if before == nil || before[i] < 0 {
				continue
			}
			switch earlier := t.root(before[i]); {
			case track < 0:
				track = earlier
			case earlier != track:
				t.parent[earlier] = track
			}
		}
		if track < 0 {
			track = t.add()
		}
		regions[r].track = track
		for _, i := range regions[r].pixel {
			t.latest[i] = track
		}
	}
	return regions
}

// add returns a new number.
func (t *maskTracks) add() int {
	t.parent = append(t.parent, len(t.parent))
	return len(t.parent) - 1
}

// root returns the number that stands for the whole track.
func (t *maskTracks) root(track int) int {
	for t.parent[track] != track {
		t.parent[track] = t.parent[t.parent[track]]
		track = t.parent[track]
	}
	return track
}
