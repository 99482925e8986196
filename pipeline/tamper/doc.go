// Package tamper says whether a camera can be trusted: whether it is covered, dark, blinded, out of focus, sprayed,
// frozen, moved or turned.
//
// In come the grey pictures that the model sees, [Side][Side], and a Reference that a Learner made of normal
// pictures of the place; out comes a Verdict for each picture. A Monitor allocates nothing while it watches, and its
// verdicts depend on the pictures and their stream times alone.
package tamper
