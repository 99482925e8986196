package preprocess

// Account says what became of every picture that a Window was given, and of every clip that was due. Two sums hold at
// any time:
//
//	Stats.Pictures = Used + Unused + Lost + Waiting
//	Due = Incomplete + Stats.Cuboids + Stats.Early
type Account struct {
	Used    uint64 // pictures that are in a cuboid
	Unused  uint64 // left out by the choice of the rate, or between two cuboids by a hop above 16
	Lost    uint64 // that the window started anew after before they were in a cuboid: a gap came
	Waiting uint64 // in no cuboid yet

	Due        uint64 // clips: one for every Hop pictures that were taken since the last gap
	Incomplete uint64 // of these, not given out, since there were too few pictures since the last gap
}

// Account gives the account so far.
func (w *Window) Account() Account { return w.account }

// restarted accounts for a window that starts anew.
func (a *Account) restarted() { a.Lost, a.Waiting = a.Lost+a.Waiting, 0 }

// gave accounts for a cuboid of so many pictures.
func (a *Account) gave(pictures int) {
	used := min(a.Waiting, uint64(pictures))
	a.Used += used
	a.Unused += a.Waiting - used
	a.Waiting = 0
}
