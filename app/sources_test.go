package app

import (
	"os"
	"strings"
	"testing"
)

const twoCameras = `
nats: {embedded: {port: 4333, user: viewer, password: "${VIEWER_PASSWORD}"}}
model: mine.safetensors
cameras:
  - {name: gate, source: "rtsp://viewer:${GATE_PASSWORD}@10.0.0.7/stream1", fps: 5}
  - {name: yard, source: "rtsp://viewer:${YARD_PASSWORD}@10.0.0.8/stream1", hop: 9999}
  - {name: both, source: "rtsp://10.0.0.9/stream1"}
`

// Sources on the command line: all forms are read, and a password in one causes a warning and is never shown.
func TestReadSources(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("GATE_PASSWORD", "s3cret")
	for name, text := range map[string]string{
		"vigil.yaml": twoCameras, "list": " rtsp://a/1\r\n\nrtsp://u:s3cret@b/2\n", "blank": "\n \n",
		"bad":     "rtsp://u:s3cret/x@b/2\n",
		"@at.mkv": "", "both": "", "plain": "",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name, args, stdin string
		want              string // the addresses as they are shown, and the cameras' names
		warning, err      string
	}{
		{"a URL", "rtsp://a/1", "", "rtsp://a/1", "", ""},
		{"a password", "rtsp://u:s3cret@a/1", "", "rtsp://***@a/1", "or - and the address on standard input", ""},
		{"a token", "http://a/1?token=s3cret", "", "http://a/1?token=***", "a password in it", ""},
		{"a file", "plain", "", "plain", "", ""},
		{"standard input", "-", "rtsp://u:s3cret@a/1\n", "rtsp://***@a/1", "", ""},
		{"several on standard input", "-", "rtsp://a/1\nrtsp://a/2", "rtsp://a/1 rtsp://a/2", "", ""},
		{"nothing on standard input", "-", "\n", "", "", "standard input: has no address"},
		{"a list", "@list", "", "rtsp://a/1 rtsp://***@b/2", "", ""},
		{"an empty list", "@blank", "", "", "", "@blank"},
		{"a list with a bad address", "@bad", "", "", "", "@bad: the URL has an @"},
		{"no list", "@none", "", "", "", "none: no such file"},
		{"a file with an @", "@at.mkv", "", "@at.mkv", "", ""},
		{"a camera", "gate", "", "gate=rtsp://***@10.0.0.7/stream1", "", ""},
		{"a camera whose variable is not set", "yard", "", "", "", "YARD_PASSWORD from the environment"},
		{"no camera", "gatee", "", "", "", `has no camera "gatee"; it has gate, yard, both`},
		{"a camera and a file", "both", "", "", "", "write ./both for the file"},
		{"that file", "./both", "", "./both", "", ""},
		{"a bad address", "rtsp://u:s3cret/x@a/1", "", "", "", "%2F"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			list, err := ReadSources(strings.Fields(tt.args), SourceOptions{
				Stdin: strings.NewReader(tt.stdin), File: "vigil.yaml",
				Warn: func(text string) { out.WriteString(text) },
			})
			var got []string
			for _, s := range list {
				text := s.String()
				if s.Camera != nil {
					text = s.Camera.Name + "=" + text
				}
				got = append(got, text)
			}
			if strings.Join(got, " ") != tt.want || (err != nil) != (tt.err != "") ||
				err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %q and %v, want %q and %q", got, err, tt.want, tt.err)
			}
			if !strings.Contains(out.String(), tt.warning) || (tt.warning == "") != (out.Len() == 0) {
				t.Errorf("warned %q, want %q", out.String(), tt.warning)
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") || strings.Contains(out.String(), "s3cret") {
				t.Errorf("shows a password: %v %s", err, out.String())
			}
		})
	}
	if _, err := ReadSources([]string{"gate"}, SourceOptions{File: "other.yaml"}); err == nil ||
		!strings.Contains(err.Error(), "and no other.yaml") {
		t.Errorf("a name without a configuration: %v", err)
	}
}
