// Package train teaches MemAE what is normal. Unbroken grey videos go in, weights come out that model can score with.
// Gorgonia keeps the expression graph and differentiates it; the arithmetic of every node is package kernel's, which
// inference uses too.
//
// Whatever is drawn by chance is drawn from the seed and a running number alone, and no sum's order depends on the
// number of threads: the same videos, settings and seed give the same file to the last bit, also when a run was
// interrupted and resumed. The package never logs; a callback tells how far it is.
package train
