// Package store checks and repairs the files of the embedded server while the server does not have them open: it finds
// damage, quarantines it before the server would truncate it, writes back what can be read, and compares the files with
// a ledger of what must be there.
//
// The directory of a server goes in, and the missing messages come out. The invariants: no file is deleted, only moved
// to the folder "damaged"; numbers of the stream of alerts never decrease; and messages reported as missing were
// stored, were not reclaimed, and cannot be read.
package store
