package store

import (
	"path/filepath"
	"time"
)

// Dir is where the server of a data directory keeps its streams.
func Dir(dataDir string) string { return filepath.Join(dataDir, "nats") }

// Report is what is known of a store.
type Report struct {
	State       *State // of the ledger; nil where there is none that can be read
	LedgerFault string // what is wrong with the ledger
	Damage      []Damage
	Rescued     Ranges // missing alerts that were put back, or that a repair would put back
}

// Damaged reports whether a repair is due.
func (r *Report) Damaged() bool { return len(r.Damage) > 0 || r.LedgerFault != "" }

// Check reads every block below dir and compares it with the ledger. It changes nothing. With an error there may be a
// report of what is known so far.
func Check(dir string) (*Report, error) {
	state, fault, err := ReadState(dir)
	if err != nil {
		return nil, err
	}
	found, err := Inspect(dir, state)
	if err != nil {
		return nil, err
	}
	r := &Report{State: state, LedgerFault: fault, Damage: found}
	r.Rescued, err = Rescuable(dir, state)
	return r, err
}

// Repair sets aside what is damaged below dir, writes what is missing into the ledger, and puts back what is found in
// the files that were kept aside and in those below from. No process may have the store open. With an error there may
// be a report of what was done so far.
func Repair(dir string, from []string) (*Report, error) {
	state, fault, err := ReadState(dir)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	found, err := Prepare(dir, state, now)
	if err != nil {
		return nil, err
	}
	for _, d := range found {
		if d.Stream == AlertStream && state != nil {
			for _, r := range d.Missing {
				state.Holes.Add(r.First, r.Last)
			}
			state.Expected = state.Expected.Without(d.Missing)
		}
	}
	if state != nil {
		if err := WriteState(dir, state); err != nil {
			return nil, err
		}
	}
	r := &Report{State: state, LedgerFault: fault, Damage: found}
	r.Rescued, err = Rescue(dir, state, from, now)
	return r, err
}
