// Package store looks after the files of the server inside vigil while the server does not have them open: it finds
// what is damaged, sets it aside before the server would cut it off, writes back what can be read, and compares what
// is there with a ledger of what must be there.
//
// The directory of a server goes in, and what is missing comes out. The invariants: no file is removed, only moved to
// the folder "damaged"; numbers of the stream of alerts never go back; and what is said to be missing is what was
// stored, was not reclaimed, and cannot be read.
package store
