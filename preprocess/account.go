package preprocess

// Account counts the fate of every picture pushed to a Window, and of every clip that was due. Two sums hold at any
// time:
//
//	Stats.Pictures = Used + Unused + Lost + Waiting
//	Due = Incomplete + Stats.Cuboids + Stats.Partial
type Account struct {
	Used    uint64 // pictures that are in a cuboid
	Unused  uint64 // skipped by the sampler, or between two cuboids with a hop above 16
	Lost    uint64 // discarded at a gap before they were in a cuboid
	Waiting uint64 // in no cuboid yet

	Due        uint64 // clips: one for every Hop sampled pictures since the last gap
	Incomplete uint64 // of these, not made: too few pictures since the last gap
}

// Account returns the counts so far.
func (w *Window) Account() Account { return w.account }

// restarted accounts for a restart of the window.
func (a *Account) restarted() { a.Lost, a.Waiting = a.Lost+a.Waiting, 0 }

// completed accounts for a cuboid of so many pictures.
func (a *Account) completed(pictures int) {
	used := min(a.Waiting, uint64(pictures))
	a.Used += used
	a.Unused += a.Waiting - used
	a.Waiting = 0
}
