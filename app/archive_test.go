package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Alerts are followed without the cameras' passwords, and an invalid camera does not prevent it.
func TestAlertsNeedNoCameraVariables(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vigil.yaml")
	const text = `
nats: {embedded: {port: 4333, user: viewer, password: "${VIEWER_PASSWORD}"}}
cameras: [{name: gate, source: "rtsp://viewer:${GATE_PASSWORD}@10.0.0.7/stream1", hop: 9999}]
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ArchiveConfig(path); err == nil || !strings.Contains(err.Error(), "VIEWER_PASSWORD") ||
		strings.Contains(err.Error(), "GATE") {
		t.Errorf("without the server's own variable: %v", err)
	}
	t.Setenv("VIEWER_PASSWORD", "s3cret")
	cfg, err := ArchiveConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	o, err := archiveServer(cfg)
	if err != nil || o.Password != "s3cret" || o.URL != "nats://127.0.0.1:4333" {
		t.Errorf("got %+v, %v", o.URL, err)
	}
	if err := os.WriteFile(path, []byte("natss: {}\n"+text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ArchiveConfig(path); err == nil || !strings.Contains(err.Error(), "did you mean nats?") {
		t.Errorf("a key that is misspelt: %v", err)
	}
}
