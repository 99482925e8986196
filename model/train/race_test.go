//go:build race

package train

// leakSteps is how many steps TestStepsLeakNothing takes; the race detector makes each of them twenty times slower.
const leakSteps = 250
