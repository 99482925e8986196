// Package natstest runs the distribution's own servers for tests: nats-server, which is older than the one inside
// vigil, and mosquitto.
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

// Launch starts nats-server on 127.0.0.1 with a configuration and waits until it is ready. Where the server is missing
// the test is skipped, and in CI it fails.
func Launch(t testing.TB, port int, config string) *Process {
	t.Helper()
	return start(t, port, "nats-server", fmt.Sprintf("listen: 127.0.0.1:%d\n%s\n", port, config), "Server is ready")
}

// Mosquitto starts mosquitto on 127.0.0.1 and waits until it is ready, as Launch does.
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
	var said strings.Builder
	for lines := bufio.NewScanner(log); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), ready) {
			go func() { _, _ = io.Copy(io.Discard, log) }()
			return p
		}
	}
	t.Fatalf("%s did not start:\n%s", name, &said)
	return nil
}

func find(t testing.TB, name string) string {
	t.Helper()
	return testenv.Tool(t, name)
}

// Kill ends it as a power cut would end a machine, but for the disk's cache.
func (p *Process) Kill() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
}

// JetStreamIn is the part of nats-server's configuration that switches streams on.
func JetStreamIn(dir string) string { return fmt.Sprintf("jetstream: {store_dir: %q}", dir) }

// The ports that FreePort gives lie below those that systems give to outgoing connections, of which one might take it
// before the test does.
const firstPort, ports = 11000, 20000

var givenPorts sync.Map // to this process

// FreePort is one that nobody listens on now, and that it gives only once.
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

// Signal sends the process a signal, as one that stops it for a while.
func (p *Process) Signal(t testing.TB, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}
