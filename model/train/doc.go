// Package train trains MemAE on normal video. Continuous grey videos go in; weights for package model come out.
// Gorgonia keeps the expression graph and differentiates it; package kernel, which inference also uses, does the
// arithmetic.
//
// Every random draw depends only on the seed and an index, and no summation order depends on the number of threads: the
// same videos, settings and seed give the same file to the last bit, also if a run is interrupted and resumed. The
// package never logs; a callback reports progress.
package train
