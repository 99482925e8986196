package store

import (
	"fmt"
	"strings"

	"vigil/internal/errcode"
)

// errDamaged ends a check that found something.
var errDamaged = errcode.StoreDamaged.New(
	"the store is damaged: stop vigil and run 'vigil store repair', or start it, which does the same and logs it")

// String describes in one line the stream, the missing messages and the folder of the quarantined files.
func (d Damage) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "stream %s: %d missing", d.Stream, d.Missing.Count())
	if len(d.Missing) > 0 {
		fmt.Fprintf(&b, " (%v)", d.Missing)
	}
	if len(d.Places) > 0 {
		fmt.Fprintf(&b, "; damaged: %s", strings.Join(d.Places, "; "))
	}
	if d.KeptAside != "" {
		fmt.Fprintf(&b, "; kept in %s", d.KeptAside)
	}
	return b.String()
}

// Found describes the ledger and the damage in lines.
func (r *Report) Found() string { return r.ledger() + r.damage() }

// Advice describes, after Found, what a repair would do, or that there is nothing to repair.
func (r *Report) Advice() string {
	var b strings.Builder
	if len(r.Rescued) > 0 {
		fmt.Fprintf(&b,
			"%d missing alerts (%v) are in quarantined files: 'vigil store repair' restores them\n",
			r.Rescued.Count(), r.Rescued)
	}
	if !r.Damaged() {
		fmt.Fprintln(&b, "nothing is damaged")
	}
	return b.String()
}

// Err is an error with a code where a repair is due.
func (r *Report) Err() error {
	if r.Damaged() {
		return errDamaged
	}
	return nil
}

// Repaired describes in lines what a repair has found and, if it succeeded, what it has restored.
func (r *Report) Repaired(whole bool) string {
	if !whole {
		return r.damage()
	}
	back := fmt.Sprintf("%d alerts restored", r.Rescued.Count())
	if len(r.Rescued) > 0 {
		back += fmt.Sprintf(": %v", r.Rescued)
	}
	return r.damage() + back + "\n" + r.ledger()
}

func (r *Report) damage() string {
	var b strings.Builder
	for _, d := range r.Damage {
		fmt.Fprintln(&b, d)
	}
	return b.String()
}

// ledger describes the content and the damage of the ledger in lines.
func (r *Report) ledger() string {
	var b strings.Builder
	if r.LedgerFault != "" {
		fmt.Fprintln(&b, "the ledger is damaged:", r.LedgerFault)
	}
	s := r.State
	if s == nil {
		if r.LedgerFault == "" {
			fmt.Fprintln(&b, "there is no ledger: whether alerts are missing at the end is unknown")
		}
		return b.String()
	}
	fmt.Fprintf(&b, "the ledger has alerts up to number %d, of which %d must be stored, and %d open events\n",
		s.Last, s.Expected.Count(), len(s.Open))
	if len(s.Holes) > 0 {
		fmt.Fprintf(&b, "missing and reported before: %d (%v)\n", s.Holes.Count(), s.Holes)
	}
	return b.String()
}
