package config

import (
	"fmt"
	"strings"
	"testing"
)

// A number means what people read, or is refused with the valid notation.
func TestNumbersAreAsWritten(t *testing.T) {
	const octal = " if octal was meant"
	for written, want := range map[string]string{
		"8": "", "0": "is 0, must be at least 1", "+8": "", "160": "",
		"08":   "is written 08, must be a decimal number: 8",
		"010":  "is written 010, must be a decimal number: 10, or 8" + octal,
		"0010": ": 10, or 8" + octal, "00": "is written 00, must be a decimal number: 0",
		"0o10": "is written 0o10, must be a decimal number: 8",
		"0x10": ": 16", "0b11": ": 3", "1_0": "is written 1_0, must be a decimal number: 10",
		"-010": ": -10, or -8" + octal,
		"1e1":  "must be a whole number", "8.0": "must be a whole number",
	} {
		_, problems := load(fmt.Appendf(nil, "cameras: [{name: a, source: device:0, hop: %s}]", written), "/")
		checkScalar(t, "hop: "+written, problems, want)
	}
	for written, want := range map[string]string{
		"0.5": "", ".5": "", "5": "", "1e1": "", "1.5e-2": "", "5.": "", "0": "", "+1.5": "",
		"010": ": 10, or 8" + octal, "08.5": "is written 08.5, must be a decimal number: 8.5", "00.5": ": 0.5",
		"1_0.5": ": 10.5",
		".inf":  "is written .inf, must be a decimal number", ".nan": "must be a decimal number",
		"-.inf": "must be a decimal number", "0x1p4": "must be a number",
	} {
		_, problems := load(fmt.Appendf(nil, "cameras: [{name: a, source: device:0, fps: %s}]", written), "/")
		checkScalar(t, "fps: "+written, problems, want)
	}
	for text, want := range map[string]string{
		"nats: {embedded: {port: 04222}}": "nats.embedded.port: is written 04222, must be a decimal " +
			"number: 4222, or 2194" + octal,
		"threads: 0x2": "threads: is written 0x2",
		"defaults: {mask: [[[0, 0], [1, 0], [01, 1]]]}": "defaults.mask[0][2][0]: is written 01, must be a decimal " +
			"number: 1",
		"defaults: {threshold: {lo: 0.1, theta: .inf}}": "defaults.threshold.theta: is written .inf",
		"defaults: {alarms: 0x2/day}":                   "defaults.alarms: is \"0x2/day\"",
		"defaults: {open_timeout: 010s}":                "", // ten seconds, for every reader
		"defaults: {open_timeout: 010}":                 "must be a duration",
		"defaults: {armed: [{from: 07}]}":               "must be text",
		"data_dir: 010":                                 "must be text",
	} {
		_, problems := load([]byte(text), "/")
		checkScalar(t, text, problems, want)
	}
}

// An invisible blank is reported with its key, and never with the text around it.
func TestBlanksAreNamed(t *testing.T) {
	t.Setenv("LINE", "s3cret\n")
	t.Setenv("LINES", "s3cret\nmore")
	t.Setenv("BLANK", " s3cret")
	for text, want := range map[string]string{
		`nats: {url: "nats://h", user: u, password: "${LINE}"}`:           "",
		`nats: {url: "nats://h", user: u, password: "${LINES}"}`:          "nats.password: has a newline",
		`nats: {url: "nats://h", user: u, password: "${BLANK}"}`:          "nats.password: has a blank at its beginning or its end",
		`nats: {url: "nats://h", user: u, password: "a s3cret sentence"}`: "",
		`nats: {url: "nats://h", user: "u ", password: "s3cret"}`:         "nats.user: has a blank",
		`nats: {url: " nats://h"}`:                                        "nats.url: has a blank",
		`nats: {url: "nats://h", token: "s3cret\t"}`:                      "nats.token: has a newline or another control character",
		`mqtt: {url: "tcp://h ", topic: v}`:                               "mqtt.url: has a blank",
		`webhook: {url: "https://h/x\u00a0"}`:                             "webhook.url: has a blank",
		`webhook: {url: "https://h/x", secret: "${LINES}"}`:               "webhook.secret: has a newline",
		`model: "a.safetensors "`:                                         "model: has a blank",
		`cameras: [{name: a, source: " rtsp://u:s3cret@h/x"}]`:            "cameras[0].source: has a blank at its beginning",
		`cameras: [{name: a, source: "rtsp://u:s3cret@h/x "}]`:            "cameras[0].source: has a blank",
		`cameras: [{name: a, source: "rtsp://u:${LINE}@h/x"}]`:            "",
		`cameras: [{name: a, source: "rtsp://u:${BLANK}@h/x"}]`:           "", // encoded
		`cameras: [{name: a, source: "rtsp://h/a s3cret"}]`:               "cameras[0].source: the URL has a blank",
		`cameras: [{name: a, source: a b.mkv}]`:                           "",
	} {
		_, problems := load([]byte(text), "/")
		checkScalar(t, text, problems, want)
	}
}

// checkScalar expects one problem or none.
func checkScalar(t *testing.T, text string, problems []Problem, want string) {
	t.Helper()
	got := ""
	if len(problems) > 0 {
		got = (&Errors{Problems: problems}).Error()
	}
	if want == "" && got != "" || want != "" && (len(problems) != 1 || !strings.Contains(got, want)) ||
		strings.Contains(got, "s3cret") {
		t.Errorf("%s: got %q, want %q", text, got, want)
	}
}
