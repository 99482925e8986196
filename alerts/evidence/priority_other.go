//go:build !linux

package evidence

import "os/exec"

// runLowPriority runs a command at normal priority: lowering it is not implemented on this system.
func runLowPriority(cmd *exec.Cmd) error { return cmd.Run() }
