//go:build race

package train

// leakSteps is the number of steps of TestStepsLeakNothing; the race detector makes each of them twenty times slower.
const leakSteps = 250
