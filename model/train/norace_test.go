//go:build !race

package train

// leakSteps is the number of steps of TestStepsLeakNothing.
const leakSteps = 1000
