package natstest

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
)

// Plain runs a plain NATS server in this process until the test ends, without vigil's checks of its files.
func Plain(t testing.TB, dir string) *natsserver.Server {
	t.Helper()
	ns, err := natsserver.NewServer(&natsserver.Options{
		Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: dir,
		NoSigs: true, NoLog: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	if !ns.ReadyForConnections(30 * time.Second) {
		t.Fatal("the server does not answer")
	}
	t.Cleanup(func() {
		ns.Shutdown()
		ns.WaitForShutdown()
	})
	return ns
}

// Corrupt changes, in the first block of a stream below a stopped server's dir, a byte of the last record with each of
// these texts, so that no server can read these records.
func Corrupt(t testing.TB, dir, stream string, texts ...string) {
	t.Helper()
	block := filepath.Join(dir, "jetstream", "$G", "streams", stream, "msgs", "1.blk")
	data, err := os.ReadFile(block)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		data[bytes.LastIndex(data, []byte(text))] ^= 0x55
	}
	if err := os.WriteFile(block, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
