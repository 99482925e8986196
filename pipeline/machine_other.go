//go:build !linux

package pipeline

// readMachine is not implemented here, so cameras are never paused.
func readMachine() machineTime { return machineTime{} }
