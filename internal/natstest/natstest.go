// Package natstest runs the distribution's servers for tests: nats-server, which is older than the embedded one, and
// mosquitto.
package natstest

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"vigil/internal/testenv"
)

// Process is a running server.
type Process struct {
	cmd  *exec.Cmd
	Port int
}

// Launch starts nats-server on 127.0.0.1 with a configuration and waits until it is ready. Without the server the test
// is skipped, and in CI it fails.
func Launch(t testing.TB, port int, config string) *Process {
	t.Helper()
	return start(t, port, "nats-server", fmt.Sprintf("listen: 127.0.0.1:%d\n%s\n", port, config), "Server is ready")
}

// Mosquitto starts mosquitto on 127.0.0.1 and waits until it is ready, like Launch.
func Mosquitto(t testing.TB, port int, config string) *Process {
	t.Helper()
	return start(t, port, "mosquitto", fmt.Sprintf("listener %d 127.0.0.1\n%s\n", port, config), "running")
}

func start(t testing.TB, port int, name, config, ready string) *Process {
	t.Helper()
	path := find(t, name)
	file := filepath.Join(t.TempDir(), name+".conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &Process{cmd: exec.Command(path, "-c", file), Port: port}
	log, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	var output strings.Builder
	for lines := bufio.NewScanner(log); lines.Scan(); {
		output.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), ready) {
			go func() { _, _ = io.Copy(io.Discard, log) }()
			return p
		}
	}
	t.Fatalf("%s did not start:\n%s", name, &output)
	return nil
}

func find(t testing.TB, name string) string {
	t.Helper()
	return testenv.Tool(t, name)
}

// Kill kills it like a power cut, except for the disk's cache.
func (p *Process) Kill() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
}

// JetStreamIn is the part of nats-server's configuration that enables streams.
func JetStreamIn(dir string) string { return fmt.Sprintf("jetstream: {store_dir: %q}", dir) }

// firstPort and ports are the range of FreePort, below the ephemeral range, from which the system could assign one to
// an outgoing connection.
const firstPort, ports = 11000, 20000

var givenPorts sync.Map // to this process

// FreePort returns an unused port, each only once.
func FreePort(t testing.TB) int {
	t.Helper()
	for range 1000 {
		port := firstPort + rand.N(ports)
		if _, given := givenPorts.LoadOrStore(port, true); given {
			continue
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

// Signal sends the process a signal, for example to pause it.
func (p *Process) Signal(t testing.TB, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}
