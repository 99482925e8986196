package store

import (
	"fmt"
	"strings"
)

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

// Ledger describes the content and the damage of the ledger in lines.
func (r *Report) Ledger() (lines []string) {
	if r.LedgerFault != "" {
		lines = append(lines, "the ledger is damaged: "+r.LedgerFault)
	}
	s := r.State
	if s == nil {
		if r.LedgerFault == "" {
			lines = append(lines, "there is no ledger: what may be missing at the end cannot be known")
		}
		return lines
	}
	lines = append(lines, fmt.Sprintf(
		"the ledger has alerts up to number %d, of which %d must be stored, and %d events that go on",
		s.Last, s.Expected.Count(), len(s.Open)))
	if len(s.Holes) > 0 {
		lines = append(lines, fmt.Sprintf("missing and reported before: %d (%v)", s.Holes.Count(), s.Holes))
	}
	return lines
}
