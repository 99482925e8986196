//go:build cgo && gocv_videoio

package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"vigil/internal/cameratest"
	"vigil/internal/natstest"
)

// Errors that would prevent the delivery of alerts are reported by config check.
func TestConfigCheckAsksTheServers(t *testing.T) {
	nobody, weights := natstest.FreePort(t), cameratest.ZeroWeights(t)
	off := natstest.Launch(t, natstest.FreePort(t), "")
	deny := natstest.Launch(t, natstest.FreePort(t),
		"authorization: {users: [{user: u, password: s3cret, permissions: {publish: {deny: 'vigil.alerts.>'}}}]}\n"+
			natstest.JetStreamIn(t.TempDir()))
	good := natstest.Launch(t, natstest.FreePort(t), natstest.JetStreamIn(t.TempDir()))
	for name, c := range map[string]struct {
		sinks, want string
		code        int
	}{
		"nobody": {
			fmt.Sprintf("nats: {url: 'nats://127.0.0.1:%d'}", nobody), "no server answers there",
			exitFailed,
		},
		"no JetStream": {fmt.Sprintf("nats: {url: 'nats://127.0.0.1:%d'}", off.Port), "JetStream is off", exitFailed},
		"no permission": {
			fmt.Sprintf("nats: {url: 'nats://127.0.0.1:%d', user: u, password: s3cret}", deny.Port),
			"allow this user to publish", exitFailed,
		},
		"good": {fmt.Sprintf("nats: {url: 'nats://127.0.0.1:%d'}", good.Port), "", exitDone},
		"no broker": {
			fmt.Sprintf("nats: {embedded: {port: 0}}\nmqtt: {url: 'tcp://127.0.0.1:%d'}", nobody),
			"mqtt: ", exitFailed,
		},
		"no hook": {
			fmt.Sprintf("nats: {embedded: {port: 0}}\nwebhook: {url: 'http://127.0.0.1:%d/x?token=s3cret'}", nobody),
			"webhook: http://127.0.0.1", exitFailed,
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := write(t, filepath.Join(t.TempDir(), "vigil.yaml"), c.sinks+"\nmodel: "+weights+
				"\ncameras: [{name: a, source: 'rtsp://127.0.0.1/x'}]\n")
			code, out, errs := runVigil(t, "config", "check", "-c", file)
			if code != c.code || !strings.Contains(errs, c.want) || strings.Contains(errs, "s3cret") {
				t.Errorf("exit code %d, want %d and %q: %s%s", code, c.code, c.want, out, errs)
			}
			if code, _, errs := runVigil(t, "config", "check", "--offline", "-c", file); code != exitDone {
				t.Errorf("offline: exit code %d: %s", code, errs)
			}
		})
	}
}
