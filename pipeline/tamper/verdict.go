package tamper

import "time"

// State says how far a camera can be trusted.
type State uint8

// The states.
const (
	Trusted State = iota
	// Suspect is a camera that is Untrusted if it goes on for another second or two.
	Suspect
	Untrusted
)

// String is the state's name in lower case.
func (s State) String() string { return [...]string{"trusted", "suspect", "untrusted"}[s] }

// Reason is why a camera cannot be trusted.
type Reason uint8

// The reasons.
const (
	None Reason = iota
	Covered
	Dark
	Blinded
	Defocused
	Sprayed
	Frozen
	Moved
	Turned
	reasons
)

// Reasons lists every reason once.
func Reasons() []Reason {
	return []Reason{Covered, Dark, Blinded, Defocused, Sprayed, Frozen, Moved, Turned}
}

// String is the reason's name in lower case; that of None is empty.
func (r Reason) String() string {
	return [reasons]string{"", "covered", "dark", "blinded", "defocused", "sprayed", "frozen", "moved", "turned"}[r]
}

// Verdict is what a Monitor says of a picture.
type Verdict struct {
	State  State
	Reason Reason
	// Since is the stream time from which on the camera is Suspect or Untrusted.
	Since time.Duration
	// Doubt is set while the view may be lost: the camera is Suspect, or the picture may be frozen. What is quiet then
	// is not known to be normal.
	Doubt    bool
	Evidence Evidence
}

// Evidence is what the verdict rests on.
type Evidence struct {
	Agreeing  float64 // share of the cells with structure that show the place, 0 to 1
	Lost      float64 // share of the place's edges that nothing is seen of
	Ragged    float64 // how ragged the lost part is, 0 to 1; a compact thing has at most 0.25
	Sharpness float64 // of the finest structure, 1 is usual; 0 if it is not known
	Level     float64 // brightness, 1 is that of the last half minute
	White     float64 // share of white pixels more than usual
	Shift     float64 // distance to the learned place, as a fraction of the picture's side
	Still     float64 // seconds without motion
}
