//go:build !race

package train

// leakSteps is how many steps TestStepsLeakNothing takes.
const leakSteps = 1000
