package evidence

import (
	"os/exec"
	"runtime"
	"syscall"
)

// lowestPriority is the lowest nice value.
const lowestPriority = 19

// runLowPriority runs a command at the lowest priority from its first instruction: a process inherits it from the
// thread that starts it. That thread cannot be raised again, so it ends with its goroutine. The command dies with this
// process.
func runLowPriority(cmd *exec.Cmd) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked
		err := syscall.Setpriority(syscall.PRIO_PROCESS, syscall.Gettid(), lowestPriority)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err == nil {
			err = cmd.Run()
		}
		done <- err
	}()
	return <-done
}
