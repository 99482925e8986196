package source

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestParseAddress(t *testing.T) {
	tests := []struct {
		in, shown string
		live      bool
		err       string // part of the error; empty for none
	}{
		{"rtsp://cam.example/stream", "rtsp://cam.example/stream", true, ""},
		{"RTSP://cam.example:8554", "rtsp://cam.example:8554", true, ""},
		{"Https://User:Pw@Cam.Example/Path", "https://***@Cam.Example/Path", true, ""},
		{"rtsps://[fe80::1]:322/a", "rtsps://[fe80::1]:322/a", true, ""},
		{"http://10.0.0.7/video.mjpg", "http://10.0.0.7/video.mjpg", true, ""},
		{"https://user:pw@cam/x", "https://***@cam/x", true, ""},
		{"rtsp://user:p@ss@host:554/s", "rtsp://***@host:554/s", true, ""},
		{"rtsp://:pw@host/s", "rtsp://***@host/s", true, ""},
		{"rtsp://user:p%40ss%2F%zz@host/s", "rtsp://***@host/s", true, ""},
		{
			"rtsp://host/cam/realmonitor?channel=1&subtype=0", "rtsp://host/cam/realmonitor?channel=1&subtype=0", true,
			"",
		},
		{"http://host/?password=geheim&token=abc", "http://host/?password=***&token=***", true, ""},
		{"http://host/a?abc", "http://host/a?***", true, ""},
		{"http://host/a#abc", "http://host/a#***", true, ""},
		{"rtsp://host/user=admin_password=geheim_channel=1", "rtsp://host/***", true, ""},
		{"http://host/a/token/x", "http://host/a/***", true, ""},
		{"device:0", "device:0", true, ""},
		{"/dev/video3", "/dev/video3", true, ""},
		{"/dev/v4l/by-id/usb-cam", "/dev/v4l/by-id/usb-cam", true, ""},
		{"clips/a.mkv", "clips/a.mkv", false, ""},
		{"/data/Test001", "/data/Test001", false, ""},
		{"./12:30.mkv", "./12:30.mkv", false, ""},
		{"a@b.mkv", "a@b.mkv", false, ""},

		{"", "", false, "the address is empty"},
		{"  ", "", false, "the address is empty"},
		{"rtsp://host/a\nb", "", false, "control character"},
		{"ftp://host/x", "", false, "not one of rtsp, rtsps, http, https"},
		{"file:///etc/passwd", "", false, "not one of rtsp"},
		{"pipe:0", "", false, "URL of an unknown kind"},
		{"concat:a|b", "", false, "URL of an unknown kind"},
		{"admin:pw@host/stream", "", false, "URL of an unknown kind"},
		{"rtsp://", "", false, "host is missing"},
		{"rtsp:///stream", "", false, "host is missing"},
		{"rtsp://user:pa/ss@host/s", "", false, "an @ behind its first / ? or #"},
		{"rtsp://admin:2024/Gate@camera", "", false, "write @ / ? # : % and a blank as %40 %2F"},
		{"rtsp://admin:2024?Gate@camera/s", "", false, "an @ behind its first"},
		{"rtsp://admin:2024#Gate@camera/s", "", false, "an @ behind its first"},
		{"rtsp://admin/Gate@camera", "", false, "an @ behind its first"},
		{"rtsp://admin:p@ss/word@camera/s", "", false, "an @ behind its first"},
		{"https://8614/abc@127.0.0.1:8613/test", "", false, "an @ behind its first"},
		{"rtsp://host/live/me@example.com", "", false, "an @ of the path or the query is written %40"},
		{"rtsp://user:pw@host/live/me%40example.com", "rtsp://***@example.com", true, ""},
		{"rtsp://user:pw@host/live/me@example.com", "", false, "an @ of the path or the query is written %40"},
		{"http://host/x?mail=me@example.com", "", false, "an @ of the path or the query is written %40"},
		{"rtsp://user:pa:ss@host:x/s", "", false, "port is not a number"},
		{" rtsp://host/s", "", false, "begins or ends with a blank"},
		{"rtsp://host/s ", "", false, "begins or ends with a blank"},
		{"/dev/video0 ", "", false, "begins or ends with a blank"},
		{"device:0 ", "", false, "begins or ends with a blank"},
		{"rtsp://user:pa ss@host/s", "", false, "and a blank as %40"},
		{"rtsp://host/a b", "", false, "a blank in it"},
		{"rtsp://ho st/a", "", false, "a blank in it"},
		{"rtsp://host:0/s", "", false, "port is not a number"},
		{"rtsp://ho^st/s", "", false, "host is missing or malformed"},
		{"device:x", "", false, "from 0 to 255"},
		{"device:999", "", false, "from 0 to 255"},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			a, err := ParseAddress(tt.in)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if a.String() != tt.shown || a.Live() != tt.live || !strings.EqualFold(a.Reveal(), tt.in) {
				t.Errorf("shown as %q, live %v, revealed as %q; want %q, %v", a, a.Live(), a.Reveal(),
					tt.shown, tt.live)
			}
		})
	}
}

func TestAddressIsAValue(t *testing.T) {
	a, _ := ParseAddress("rtsp://u:p@host/x")
	b, _ := ParseAddress("rtsp://u:p@host/x")
	c, _ := ParseAddress("rtsp://u:q@host/x")
	if a != b || a == c {
		t.Error("addresses compare by their whole text")
	}
	var zero Address
	if zero.String() != "" || zero.Reveal() != "" || zero.Live() {
		t.Error("the zero Address is empty")
	}
	if err := a.UnmarshalText([]byte("pipe:0")); err == nil || a != b {
		t.Error("a bad text leaves the address as it was")
	}
	if err := a.UnmarshalText([]byte("rtsp://u:q@host/x")); err != nil || a != c {
		t.Errorf("UnmarshalText: %v", err)
	}
}

// everyShape formats an address in all ways in which it may be displayed.
func everyShape(a Address) string {
	type inner struct{ hidden Address }
	type outer struct {
		Shown Address
		inner inner
		p     *Address
	}
	o := outer{a, inner{a}, &a}
	var b bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&b, verb+" "+verb+" "+verb+"\n", a, &a, o)
	}
	text, _ := json.Marshal(o)
	b.Write(text)
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "a", a, "o", o)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "a", a, "o", o)
	return b.String()
}

// FuzzRedact puts a password where people put them and searches for it in all formatted forms.
func FuzzRedact(f *testing.F) {
	for _, s := range []string{
		"geheimnis", "p@ss", "pa/ss", "pa?ss#", "%", "%4", "%zz", "a:b", "x&y=z", "\\", "тайна",
		"***", "1234567",
	} {
		f.Add(s)
	}
	shapes := []string{
		"rtsp://user:%sXYZZY%s@host/stream", "rtsp://:%sXYZZY%s@host", "rtsp://%sXYZZY%s@host:554/a@b",
		"http://host/x?password=%sXYZZY%s&token=1", "http://host/x?a=1&token=%sXYZZY%s",
		"https://u:p@host/?k=%sXYZZY%s#x",
		"rtsp://host/user=admin&password=%sXYZZY%s&channel=1", "rtsp://user:%sXYZZY%s@[::1]/",
		"user:%sXYZZY%s@host/stream",
		"rtsp:/user:%sXYZZY%s@host", "ftp://user:%sXYZZY%s@host/x", "./user:%sXYZZY%s@host/stream",
		"rtsp://user%%3A%sXYZZY%s%%40host/stream",
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, shape := range shapes {
			a, err := ParseAddress(fmt.Sprintf(shape, s, s))
			shown := everyShape(a)
			if err != nil {
				shown = err.Error()
			}
			if err == nil && a.IsURL() {
				if w := a.URL(); w.Host == "" || w.Port == "" || strings.Contains(w.Host+w.Port, "XYZZY") {
					t.Errorf("%q with %q is taken for the host %q, port %q", shape, s, w.Host, w.Port)
				}
			}
			if strings.Contains(shown, "XYZZY") || strings.Contains(shown, fmt.Sprintf("%x", "XYZZY")) {
				t.Errorf("%q with %q shows the secret: %s", shape, s, shown)
			}
		}
	})
}
