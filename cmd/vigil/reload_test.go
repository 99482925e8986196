//go:build linux && cgo && gocv_videoio

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	paho "github.com/eclipse/paho.mqtt.golang"

	"vigil/internal/alerttest"
	"vigil/internal/cameratest"
	"vigil/internal/health"
	"vigil/internal/natstest"
)

// The whole program takes up its configuration at SIGHUP and when the file changes, goes on with the earlier one if the
// file is wrong, and shows no secret.
func TestHangup(t *testing.T) {
	video := cameratest.Video(t, "street.mkv", "testsrc2=size=64x48:rate=10:duration=240", "-g", "1000")
	weights, file := cameratest.ZeroWeights(t), filepath.Join(t.TempDir(), "vigil.yaml")
	write := func(secret string, cameras ...string) {
		t.Helper()
		text := fmt.Sprintf("model: %s\ndata_dir: data\nlog: {level: debug}\nnats: {embedded: {port: 0}}\n"+
			"http: {listen: \"127.0.0.1:0\"}\n"+
			"evidence: {enabled: false}\nwebhook: {url: \"http://127.0.0.1:1/%s\", secret: %s}\ncameras:\n",
			weights, secret,
			secret)
		for _, name := range cameras {
			text += fmt.Sprintf("  - {name: %s, source: %s, threshold: {lo: 1, theta: 5}}\n", name, video)
		}
		if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	write("XYZZY", "gate", "yard")
	var log alerttest.Log
	cmd := exec.CommandContext(t.Context(), os.Args[0], "vigil", "run", "-c", file)
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	logged := func(text string, times int) {
		t.Helper()
		alerttest.Eventually(alerttest.Within(t), t, text, func() bool { return log.Count(text) >= times })
	}
	logged(`msg="source open"`, 2)
	send(t, cmd.Process, syscall.SIGHUP)
	logged("the configuration is as it was, nothing changes", 1)
	write("XYZZY", "gate", "gate")
	send(t, cmd.Process, syscall.SIGHUP)
	logged("the new configuration is not used", 1)
	// It is ready all the same, and says what is wrong.
	url := regexp.MustCompile(`msg="HTTP listens" key=http.listen url=(\S+)`).FindStringSubmatch(log.String())
	if url == nil {
		t.Fatal(log.String())
	}
	status := func(want ...string) {
		t.Helper()
		text := mustRunVigil(t, "status", "-c", file)
		for _, want := range want {
			if !strings.Contains(text, want) {
				t.Errorf("vigil status does not say %q:\n%s", want, text)
			}
		}
		_, metrics := get(t, url[1]+"/metrics")
		_, remarks := get(t, url[1]+"/readyz")
		if all := text + metrics + remarks; strings.Contains(all, "XYZZY") {
			t.Errorf("a secret is in\n%s", all)
		}
	}
	status("NOT in force", "vigil.yaml:10: cameras[1].name: is \"gate\"")
	remark := func(state, name string) {
		t.Helper()
		alerttest.Eventually(alerttest.Within(t), t, "ready with "+state, func() bool {
			code, text := get(t, url[1]+"/readyz")
			var ready health.Ready
			return code == http.StatusOK && json.Unmarshal([]byte(text), &ready) == nil &&
				slices.ContainsFunc(ready.Info, func(i health.Item) bool {
					return i.Kind == health.KindConfig && i.State == state && i.Name == name
				})
		})
	}
	remark(health.ConfigNotInForce, "file")
	// Nor does what is refused because of it show a password.
	if err := os.WriteFile(file,
		fmt.Appendf(nil, "model: %s\ndata_dir: data\nnats: {url: \"nats://joe:XYZZY@host:99999\"}\n"+
			"mqtt: {url: \"tcp://joe:XYZZY@host:99999/x\"}\nwebhook: {url: \"ftp://joe:XYZZY@host/XYZZY\"}\ncameras:\n"+
			"  - {name: gate, source: \"rtsp://viewer:XYZZY@camera:99999/x?token=XYZZY\"}\n", weights),
		0o600); err != nil {
		t.Fatal(err)
	}
	send(t, cmd.Process, syscall.SIGHUP)
	logged("cameras[0].source: the URL's port", 1)
	alerttest.Eventually(alerttest.Within(t), t, "a status with the new error", func() bool {
		return strings.Contains(mustRunVigil(t, "status", "-c", file), "4 problems") ||
			strings.Contains(mustRunVigil(t, "status", "-c", file), "cameras[0].source")
	})
	status("NOT in force")
	write("XYZZY2", "gate", "street")
	logged("a new configuration is in force", 1)
	for _, want := range []string{
		"keys=\"webhook.url, webhook.secret\"", `msg="camera removed" camera=yard`,
		"added=1 removed=1 replaced=0 updated=0",
	} {
		logged(want, 1)
	}
	logged(`msg="source open" camera=street`, 1)
	status("only after a restart: webhook.url, webhook.secret")
	remark(health.ConfigNeedsRestart, "webhook.url")
	if _, text := get(t, url[1]+"/metrics"); value(text, `vigil_config_restart_needed{key="webhook.url"}`) != "1" ||
		value(text, "vigil_config_last_reload_successful") != "1" {
		t.Errorf("the metrics are\n%s", text)
	}
	send(t, cmd.Process, syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, log.String())
	}
	if n := log.Count(`msg="source open" camera=gate`); n != 1 {
		t.Errorf("the camera that stays was opened %d times", n)
	}
	if strings.Contains(log.String(), "XYZZY") {
		t.Errorf("a secret is in the log:\n%s", log.String())
	}
}

// A camera that the file names from now on has its topics, its announcement and its switches over MQTT, and one that it
// no longer names leaves nothing at the broker, over one connection.
func TestReloadOverMQTT(t *testing.T) {
	mosquitto := natstest.Mosquitto(t, natstest.FreePort(t), "allow_anonymous true")
	video := cameratest.Video(t, "street.mkv", "testsrc2=size=64x48:rate=10:duration=240", "-g", "1000")
	weights, file := cameratest.ZeroWeights(t), filepath.Join(t.TempDir(), "vigil.yaml")
	configure := func(cameras ...string) {
		t.Helper()
		text := fmt.Sprintf("model: %s\ndata_dir: data\nnats: {embedded: {port: 0}}\nevidence: {enabled: false}\n"+
			"http: {listen: off}\nmqtt: {url: \"tcp://127.0.0.1:%d\", commands: on}\ncameras:\n", weights,
			mosquitto.Port)
		for _, name := range cameras {
			text += fmt.Sprintf("  - {name: %s, source: %s, threshold: {lo: 0.1, theta: 0.5}}\n", name, video)
		}
		write(t, file+".new", text)
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	configure("gate", "yard")
	v := &switchedVigil{t: t, file: file}
	v.start()
	retained, publish := mqttClient(t, mosquitto.Port)
	retained("vigil/yard/availability", "online")
	at := retainedTopics(t, mosquitto.Port)
	own := func(camera string) []string {
		var topics []string
		for _, topic := range at() {
			if strings.Contains(topic, "/"+camera+"/") || strings.Contains(topic, "_"+camera+"/") {
				topics = append(topics, topic)
			}
		}
		return topics
	}
	alerttest.Eventually(alerttest.Within(t), t, "the topics at the start",
		func() bool { return len(own("yard")) == 9 })
	configure("gate", "street")
	retained("vigil/street/enabled", "ON")
	retained("vigil/street/snooze", "OFF")
	retained("vigil/street/availability", "online")
	alerttest.Eventually(alerttest.Within(t), t, "the topics of the cameras", func() bool {
		return len(own("street")) == 9 && len(own("gate")) == 9 && len(own("yard")) == 0
	})
	publish("vigil/yard/snooze/set", "20")
	publish("vigil/street/snooze/set", "20")
	retained("vigil/street/snooze", "20")
	configure("gate")
	alerttest.Eventually(alerttest.Within(t), t, "the topics of one camera", func() bool {
		return len(own("street")) == 0 && len(own("gate")) == 9
	})
	configure("gate", "street") // its switches have survived
	retained("vigil/street/snooze", "20")
	send(t, v.cmd.Process, syscall.SIGTERM)
	if err := v.cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, v.log.String())
	}
	if n := v.log.Count("connected to MQTT"); n != 1 {
		t.Errorf("it connected %d times to the broker:\n%s", n, v.log.String())
	}
	if v.log.Count("is ignored") != 1 || v.log.Count("reason=\"no camera of this name is configured\"") != 1 {
		t.Errorf("ignored commands in the log:\n%s", v.log.String())
	}
}

// retainedTopics returns a function that lists the topics that are retained at a broker.
func retainedTopics(t *testing.T, port int) func() []string {
	t.Helper()
	client := paho.NewClient(paho.NewClientOptions().AddBroker(fmt.Sprintf("tcp://127.0.0.1:%d", port)).SetClientID(
		"lister"))
	var mu sync.Mutex
	topics := map[string]bool{}
	onMessage := func(_ paho.Client, m paho.Message) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case strings.HasSuffix(m.Topic(), "/set"), strings.Contains(m.Topic(), "/events/"): // not retained
		case len(m.Payload()) > 0:
			topics[m.Topic()] = true
		default:
			delete(topics, m.Topic())
		}
	}
	for _, token := range []func() paho.Token{
		client.Connect, func() paho.Token { return client.Subscribe("#", 1, onMessage) },
	} {
		if done := token(); !done.WaitTimeout(alerttest.LongWait) || done.Error() != nil {
			t.Fatal(done.Error())
		}
	}
	t.Cleanup(func() { client.Disconnect(0) })
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Sorted(maps.Keys(topics))
	}
}
