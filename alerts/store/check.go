package store

import (
	"path/filepath"
	"time"
)

// Dir returns the directory of the streams of a data directory.
func Dir(dataDir string) string { return filepath.Join(dataDir, "nats") }

// Report is the state of a store.
type Report struct {
	State       *State // of the ledger; nil if it is missing or unreadable
	LedgerFault string // damage of the ledger
	Damage      []Damage
	Rescued     Ranges // missing alerts that were restored, or that a repair would restore
}

// Damaged reports whether a repair is due.
func (r *Report) Damaged() bool { return len(r.Damage) > 0 || r.LedgerFault != "" }

// Check reads every block below dir and compares it with the ledger. It changes nothing. With an error there may be a
// partial report.
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

// Repair quarantines what is damaged below dir, records what is missing in the ledger, and restores what it finds in
// the quarantined files and in those below from. No process may have the store open. With an error there may be a
// partial report.
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
