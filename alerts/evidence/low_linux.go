package evidence

import (
	"os/exec"
	"runtime"
	"syscall"
)

// lowest is the priority of what may wait for everything else.
const lowest = 19

// runLow runs a command at the lowest priority, which it has from its first instruction: a process inherits it from
// the thread that starts it. That thread cannot be raised again, so it ends with its goroutine. The command dies with
// this process.
func runLow(cmd *exec.Cmd) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked
		err := syscall.Setpriority(syscall.PRIO_PROCESS, syscall.Gettid(), lowest)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err == nil {
			err = cmd.Run()
		}
		done <- err
	}()
	return <-done
}
