//go:build linux && cgo && gocv_videoio

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/nats-io/nats.go"

	"vigil/alerts"
	"vigil/api"
	"vigil/internal/alerttest"
	"vigil/internal/cameratest"
	"vigil/internal/natstest"
	"vigil/internal/rtsptest"
)

// planted is in every secret of the configuration.
const planted = "XYZZY"

// switchedVigil is a vigil in a process of its own, with everything that it and the commands have printed.
type switchedVigil struct {
	t       *testing.T
	file    string
	cmd     *exec.Cmd
	log     alerttest.Log
	printed strings.Builder
}

func (v *switchedVigil) start() {
	v.t.Helper()
	v.cmd = exec.CommandContext(v.t.Context(), os.Args[0], "vigil", "run", "-c", v.file, "--summary", "500ms")
	v.cmd.Stderr = &v.log
	if err := v.cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
}

// do runs a command that must succeed.
func (v *switchedVigil) do(args ...string) string {
	v.t.Helper()
	out := mustRunVigil(v.t, append(args, "-c", v.file)...)
	v.printed.WriteString(out)
	return out
}

// camera is the camera's state as the commands print it.
func (v *switchedVigil) camera() (c api.Camera) {
	v.t.Helper()
	if err := json.Unmarshal([]byte(v.do("camera", "show", "yard", "--json")), &c); err != nil {
		v.t.Fatal(err)
	}
	return c
}

// until waits until vigil status says something of the camera.
func (v *switchedVigil) until(what string, holds func(api.Camera) bool) api.Camera {
	v.t.Helper()
	var last string
	for began := time.Now(); time.Since(began) < alerttest.LongWait; time.Sleep(100 * time.Millisecond) {
		code, out, errs := runVigil(v.t, "status", "--json", "-c", v.file)
		v.printed.WriteString(out + errs)
		last = out + errs
		var s api.Status
		if code == exitDone && json.Unmarshal([]byte(out), &s) == nil && holds(s.Cameras[0]) {
			return s.Cameras[0]
		}
	}
	v.t.Fatalf("not in time: %s; status is\n%s\n%s", what, last, v.log.String())
	return api.Camera{}
}

func (v *switchedVigil) kill() {
	v.t.Helper()
	if err := v.cmd.Process.Kill(); err != nil {
		v.t.Fatal(err)
	}
	_ = v.cmd.Wait()
}

// A camera of the whole program is paused, snoozed and its detection switched off, by commands and over Mosquitto: open
// events end for that reason, the states say so, a pause survives kill -9, and no secret is in any output.
func TestSwitches(t *testing.T) {
	server := rtsptest.Start(t, rtsptest.Options{User: "viewer", Password: planted})
	mosquitto := natstest.Mosquitto(t, natstest.FreePort(t), "allow_anonymous true")
	hook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(hook.Close)
	port, dir := natstest.FreePort(t), t.TempDir()
	v := &switchedVigil{t: t, file: filepath.Join(dir, "vigil.yaml")}
	text := fmt.Sprintf(`
data_dir: data
model: %s
nats: {embedded: {port: %d}}
mqtt: {url: "tcp://127.0.0.1:%d", user: %s, password: %s, commands: on}
webhook: {url: "%s/%s", secret: "%s"}
evidence: {enabled: false}
cameras:
  - name: yard
    source: %s
    fps: 10
    hop: 4
    threshold: {lo: 0.000001, theta: 0.00001}
    reconnect: {min: 100ms, max: 500ms}
`, cameratest.ZeroWeights(t), port, mosquitto.Port, planted+"1", planted+"2", hook.URL, planted+"3", planted+"4",
		server.URL())
	if err := os.WriteFile(v.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := runVigil(t, "status", "-c", v.file); code != exitFailed ||
		!strings.Contains(errs, "no vigil runs on data_dir") || !strings.Contains(errs, "store.not_running") {
		t.Errorf("before the start: code %d\n%s", code, errs)
	}
	nc := connectPlain(t, fmt.Sprintf("nats://127.0.0.1:%d", port))
	ends := make(chan *nats.Msg, 1000)
	if _, err := nc.ChanSubscribe("vigil.alerts.yard.end", ends); err != nil {
		t.Fatal(err)
	}
	ended := func(want alerts.EndReason) {
		t.Helper()
		for {
			select {
			case m := <-ends:
				if a, err := alerts.Decode(m.Data); err != nil || a.EndReason == want {
					if err != nil {
						t.Error(err)
					}
					return
				} else if a.EndReason != alerts.EndCalm && a.EndReason != alerts.EndCrashRecovered {
					t.Errorf("an event ended as %s while a test waited for %s", a.EndReason, want)
				}
			case <-time.After(alerttest.LongWait):
				t.Fatalf("no event ended as %s:\n%s", want, v.log.String())
			}
		}
	}
	retained, publish := mqttClient(t, mosquitto.Port)

	v.start()
	alive := func(c api.Camera) bool {
		return c.State == alerts.StateLive && c.Events > 0 && c.ClipsScored > 0
	}
	v.until("an event", alive)
	seen := v.until("frames a second", func(c api.Camera) bool { return c.FramesPerSecond > 1 })
	if seen.Regularity == nil || seen.Threshold == nil || *seen.Threshold != 0.00001 || seen.Since == nil {
		t.Errorf("the live camera is %+v", seen)
	}
	retained("vigil/yard/enabled", "ON")

	if out := v.do("camera", "pause", "yard", "--for", "1h"); !strings.HasPrefix(out, "yard: paused until 20") {
		t.Errorf("printed %s", out)
	}
	ended(alerts.EndPaused)
	paused := func(c api.Camera) bool { return c.State == alerts.StatePaused && c.Switches.Paused }
	before := v.until("paused", paused)
	retained("vigil/yard/enabled", "OFF")
	retained("vigil/yard/availability", "offline")
	if n := len(childrenOf(t, v.cmd.Process.Pid)); n != 0 {
		t.Errorf("%d processes read the paused camera", n)
	}
	if after := v.camera(); after.Frames != before.Frames || after.Events == 0 || len(after.Changes) != 1 ||
		after.Changes[0].By != "cli" {
		t.Errorf("the paused camera is %+v, was %+v", after, before)
	}

	v.kill()
	v.start()
	if c := v.until("paused after kill -9", paused); c.Frames != 0 || c.Switches.PausedUntil == nil {
		t.Errorf("after the start it is %+v", c)
	}
	if v.log.Count("camera is switched as before the start") != 1 {
		t.Errorf("the log does not say so:\n%s", v.log.String())
	}
	publish("vigil/yard/enabled/set", "ON")
	v.until("an event of the resumed camera", alive)
	retained("vigil/yard/enabled", "ON")
	retained("vigil/yard/availability", "online")

	v.do("camera", "snooze", "yard", "--for", "30m")
	ended(alerts.EndSnoozed)
	snoozed := v.until("snoozed", func(c api.Camera) bool { return c.State == alerts.StateSnoozed })
	retained("vigil/yard/snooze", "30")
	v.until("scored while snoozed", func(c api.Camera) bool {
		return c.ClipsScored > snoozed.ClipsScored+3 && c.Events == snoozed.Events
	})
	v.do("camera", "snooze", "yard", "off")
	v.until("another event", func(c api.Camera) bool { return c.Events > snoozed.Events })
	v.do("camera", "detection", "yard", "off")
	ended(alerts.EndDetectionOff)
	v.until("detection off", func(c api.Camera) bool { return c.State == alerts.StateDetectionOff })
	publish("vigil/yard/snooze/set", "15")
	retained("vigil/yard/snooze", "15")

	c := v.camera()
	var by []string
	for _, change := range c.Changes {
		by = append(by, change.By)
	}
	if strings.Join(by, " ") != "cli mqtt cli cli cli mqtt" || !c.Switches.DetectionOff ||
		c.Switches.SnoozedUntil == nil {
		t.Errorf("at the end it is %+v", c)
	}
	for _, tt := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"camera", "pause", "barn"}, exitUsage, "no such camera"},
		{[]string{"camera", "show", "barn"}, exitUsage, "no such camera"},
		{[]string{"camera", "snooze", "yard"}, exitUsage, "--for"},
		{[]string{"camera", "snooze", "yard", "off", "--for", "1h"}, exitUsage, "only one of them"},
		{[]string{"camera", "snooze", "yard", "--for", "1h", "--until", "18:00"}, exitUsage, "not both"},
		{[]string{"camera", "snooze", "yard", "--until", "2020-01-01T00:00"}, exitUsage, "in the future"},
		{[]string{"camera", "pause", "yard", "--for", "soon"}, exitUsage, "--for is"},
		{[]string{"camera", "detection", "yard", "maybe"}, exitUsage, "on or off"},
		{[]string{"camera", "list", "--data-dir", "x"}, exitUsage, "not both"},
	} {
		code, _, errs := runVigil(t, append(tt.args, "-c", v.file)...)
		if code != tt.code || !strings.Contains(errs, tt.says) {
			t.Errorf("%q: code %d, %s", tt.args, code, errs)
		}
		v.printed.WriteString(errs)
	}
	v.do("status")
	v.do("camera", "list")
	if out := v.do("camera", "show", "yard"); !strings.Contains(out, "rtsp://***@127.0.0.1") ||
		!strings.Contains(out, "detection off") {
		t.Errorf("printed %s", out)
	}
	if err := v.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := v.cmd.Wait(); err != nil {
		t.Errorf("it ended with %v:\n%s", err, v.log.String())
	}
	if _, err := os.Lstat(filepath.Join(dir, "data", "control.sock")); !os.IsNotExist(err) {
		t.Errorf("the socket is left behind: %v", err)
	}
	for what, text := range map[string]string{"printed": v.printed.String(), "logged": v.log.String()} {
		if i := strings.Index(text, planted); i >= 0 {
			t.Errorf("a secret is %s: %s", what, text[max(0, i-200):min(len(text), i+50)])
		}
	}
}

// mqttClient returns functions that wait for a retained payload and that publish.
func mqttClient(t *testing.T, port int) (retained, publish func(topic, text string)) {
	t.Helper()
	o := paho.NewClientOptions().AddBroker(fmt.Sprintf("tcp://127.0.0.1:%d", port)).SetClientID("watcher")
	client := paho.NewClient(o)
	wait := func(token paho.Token) {
		t.Helper()
		if !token.WaitTimeout(alerttest.LongWait) || token.Error() != nil {
			t.Fatal(token.Error())
		}
	}
	wait(client.Connect())
	t.Cleanup(func() { client.Disconnect(0) })
	retained = func(topic, want string) {
		t.Helper()
		got := make(chan string, 100)
		wait(client.Subscribe(topic, 1, func(_ paho.Client, m paho.Message) { got <- string(m.Payload()) }))
		timeout := time.After(alerttest.LongWait)
		for last := ""; last != want; {
			select {
			case last = <-got:
			case <-timeout:
				t.Fatalf("%s is %q, want %q", topic, last, want)
			}
		}
		wait(client.Unsubscribe(topic))
	}
	publish = func(topic, text string) {
		t.Helper()
		wait(client.Publish(topic, 1, false, text))
	}
	return retained, publish
}
