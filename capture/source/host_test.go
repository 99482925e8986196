package source

import (
	"testing"
)

func TestParseHost(t *testing.T) {
	for s, want := range map[string]Host{
		"media.example": {"media.example", 0}, "media.example:8080": {"media.example", 8080},
		"10.0.0.7": {"10.0.0.7", 0}, "10.0.0.7:80": {"10.0.0.7", 80},
		"fd00::7": {"fd00::7", 0}, "[fd00::7]": {"fd00::7", 0}, "[fd00::7]:554": {"fd00::7", 554},
		"kamera_1": {"kamera_1", 0},
	} {
		if got, err := ParseHost(s); err != nil || got != want {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "http://x", "x/y", "x:0", "x:99999", "x:y", "a b", "*", "x\n", "u:p@x"} {
		if got, err := ParseHost(s); err == nil {
			t.Errorf("%q: %v, no error", s, got)
		}
	}
}
