//go:build cgo && gocv_videoio

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vigil/alerts/broker"
	"vigil/internal/cameratest"
	"vigil/internal/errcode"
	"vigil/internal/natstest"
)

// refusingCamera answers every RTSP request with a status.
func refusingCamera(t *testing.T, status string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				seq := ""
				for in := bufio.NewScanner(conn); in.Scan(); {
					if n, ok := strings.CutPrefix(in.Text(), "CSeq: "); ok {
						seq = n
					}
					if in.Text() == "" {
						fmt.Fprintf(conn, "RTSP/1.0 %s\r\nCSeq: %s\r\nWWW-Authenticate: Basic realm=\"c\"\r\n\r\n",
							status, seq)
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

// What a user gets wrong ends with a code, by which vigil explain knows what to do.
func TestFailuresHaveCodes(t *testing.T) {
	t.Chdir(t.TempDir())
	weights := cameratest.ZeroWeights(t)
	whole, err := os.ReadFile(weights)
	if err != nil {
		t.Fatal(err)
	}
	cut := write(t, "cut.safetensors", string(whole[:len(whole)/2]))
	other := write(t, "other.safetensors", "no weights at all")
	config := func(name, text string) string { return write(t, name, text) }
	locked, err := filepath.Abs("locked")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(locked, "nats"), 0o700); err != nil {
		t.Fatal(err)
	}
	release, err := broker.LockDir(filepath.Join(locked, "nats"))
	if err != nil {
		t.Fatal(err)
	}
	defer release() //nolint:errcheck // the test is over.
	write(t, "newer/format", "99\n")
	if err := os.MkdirAll("newer/nats", 0o700); err != nil {
		t.Fatal(err)
	}
	port := natstest.FreePort(t)
	natstest.Launch(t, port, "authorization: {user: u, password: right}\n"+natstest.JetStreamIn(t.TempDir()))
	gone := natstest.FreePort(t)
	t.Setenv("NATS_USER", "u")
	t.Setenv("NATS_PASSWORD", "wrong")
	camera := func(source string) string {
		return "model: " + weights + "\ncameras: [{name: gate, source: " + source + "}]\nnats: {embedded: {port: 0}}\n"
	}
	record := write(t, "changed.json", `{"version": 0}`)
	for _, tt := range []struct {
		code errcode.Code
		exit int
		args []string
	}{
		{errcode.ConfigNoFile, exitUsage, []string{"config", "check", "-c", "none.yaml"}},
		{errcode.ConfigNotYAML, exitUsage, []string{"config", "check", "-c", config("a.yaml", "cameras: [")}},
		{errcode.ConfigUnknownKey, exitUsage, []string{"config", "check", "-c", config("b.yaml", "camera: 1\n")}},
		{
			errcode.ConfigBadValue, exitUsage,
			[]string{"config", "check", "-c", config("c.yaml", "log: {level: loud}\n")},
		},
		{errcode.ConfigMissingVariable, exitUsage, []string{
			"config", "check", "-c", config("d.yaml", "mqtt: {password: '${VIGIL_NOT_SET}'}\n"),
		}},
		{errcode.WeightsNotReadable, exitFailed, []string{"model", "info", "none.safetensors"}},
		{errcode.WeightsWrongKind, exitFailed, []string{"model", "info", cut}},
		{errcode.WeightsWrongKind, exitFailed, []string{"model", "info", other}},
		{errcode.CalibrationVersion, exitUsage, []string{
			"config", "check", "--offline", "-c", config("k.yaml", camera("rtsp://127.0.0.1:1/a")+
				"defaults: {calibration: "+record+"}\n"),
		}},
		{
			errcode.StoreLocked, exitFailed,
			[]string{"store", "repair", "-c", config("e.yaml", "data_dir: "+locked+"\n")},
		},
		{errcode.StoreNewerFormat, exitFailed, []string{"store", "check", "-c", config("f.yaml", "data_dir: newer\n")}},
		{errcode.SinkUnauthorized, exitFailed, []string{
			"alerts", "list", "--server", fmt.Sprintf("nats://127.0.0.1:%d", port),
		}},
		{errcode.SinkUnreachable, exitFailed, []string{
			"alerts", "list", "--server", fmt.Sprintf("nats://127.0.0.1:%d", gone),
		}},
		{errcode.CameraUnauthorized, exitFailed, []string{
			"config", "check", "--connect", "-c",
			config("g.yaml", camera("rtsp://u:p@"+refusingCamera(t, "401 Unauthorized")+"/a")),
		}},
		{errcode.CameraNotFound, exitFailed, []string{
			"config", "check", "--connect", "-c",
			config("h.yaml", camera("rtsp://"+refusingCamera(t, "404 Not Found")+"/a")),
		}},
		{errcode.CameraUnreachable, exitFailed, []string{
			"config", "check", "--connect", "-c", config("i.yaml", camera(fmt.Sprintf("rtsp://127.0.0.1:%d/a", gone))),
		}},
	} {
		t.Run(string(tt.code), func(t *testing.T) {
			code, _, errs := runVigil(t, tt.args...)
			if want := fmt.Sprintf("\ncode %s: vigil explain %[1]s\n", tt.code); code != tt.exit ||
				!strings.Contains(errs, want) {
				t.Errorf("exit code %d, want %d and %s; stderr:\n%s", code, tt.exit, want, errs)
			}
		})
	}
}

// A receiver that refuses a message is named with its code in the log of run.
func TestRefusedMessageHasACodeInTheLog(t *testing.T) {
	t.Chdir(t.TempDir())
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
	}))
	defer hook.Close()
	const calm = "color=gray:size=160x120:rate=10,noise=alls=6:allf=t"
	ffmpeg(t, ".", "-f", "lavfi", "-i", calm+
		",trim=duration=5,drawbox=x=mod(t*90\\,140):y=40:w=24:h=48:color=white:t=fill:enable=gt(t\\,1)", "today.mkv")
	write(t, "vigil.yaml", "model: "+cameratest.ZeroWeights(t)+`
cameras: [{name: gate, source: today.mkv, threshold: {lo: 0, theta: 0.0001}}]
nats: {embedded: {port: 0}}
webhook: {url: `+hook.URL+`, secret: s}
evidence: {enabled: false}
`)
	code, _, errs := runVigil(t, "run", "-c", "vigil.yaml")
	if code != exitDone || !strings.Contains(errs, "code=sink.refused_message") && !strings.Contains(errs,
		`"code":"sink.refused_message"`) {
		t.Errorf("exit code %d, log:\n%s", code, errs)
	}
}

func TestExplain(t *testing.T) {
	out := mustRunVigil(t, "explain", "camera.refused")
	e, _ := errcode.Find(errcode.CameraRefused)
	for _, part := range []string{"camera.refused: " + e.Title, e.Cause, e.Remedy} {
		if !strings.Contains(out, part) {
			t.Errorf("%q lacks %q", out, part)
		}
	}
	var one errcode.Entry
	if err := json.Unmarshal([]byte(mustRunVigil(t, "explain", "--json", "camera.refused")), &one); err != nil ||
		one != e {
		t.Errorf("%+v, %v", one, err)
	}
	var all []errcode.Entry
	if err := json.Unmarshal([]byte(mustRunVigil(t, "explain", "--json")), &all); err != nil ||
		len(all) != len(errcode.Entries()) {
		t.Errorf("%d entries, %v", len(all), err)
	}
	if n := strings.Count(mustRunVigil(t, "explain"), "\n"); n != len(all) {
		t.Errorf("%d lines for %d codes", n, len(all))
	}
	if code, _, errs := runVigil(t, "explain", "camera.nothing"); code != exitUsage ||
		!strings.Contains(errs, "'vigil explain' lists them") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}
