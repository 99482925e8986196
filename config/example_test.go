package config

import (
	"bytes"
	"os"
	"reflect"
	"regexp"
	"testing"
)

func TestExampleIsTheShippedFile(t *testing.T) {
	shipped, err := os.ReadFile("../vigil.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(shipped, Example) {
		t.Error("vigil.example.yaml and config/example.yaml differ: change the latter and run go generate ./config")
	}
}

// commented matches the start of a line of the example that is a commented default; prose has a space after the #.
var commented = regexp.MustCompile(`(?m)^#([a-z]|  )`)

// uncommented is the example with its commented top-level lines enabled.
func uncommented() string { return commented.ReplaceAllString(string(Example), "$1") }

func loadExample(t *testing.T, text string) Config {
	t.Helper()
	for _, name := range []string{
		"GATE_PASSWORD", "NATS_PASSWORD", "VIEWER_PASSWORD", "DASHBOARD_PASSWORD",
		"MQTT_PASSWORD", "WEBHOOK_SECRET",
	} {
		t.Setenv(name, "secret")
	}
	c, problems := load([]byte(text), "/etc/vigil")
	if len(problems) > 0 {
		t.Fatal(&Errors{File: "example", Problems: problems})
	}
	return c
}

func TestExampleLoads(t *testing.T) {
	c := loadExample(t, string(Example))
	if len(c.Cameras) != 1 || c.Cameras[0].Source.Reveal() != "rtsp://10.0.0.7/stream1" {
		t.Errorf("cameras are %+v", c.Cameras)
	}
	if c.Cameras[0].Mask != nil || c.Cameras[0].Zones != nil || c.Cameras[0].Armed != nil {
		t.Error("the example has settings in force that a calibration made without them does not fit, or that keep " +
			"alerts back")
	}
	// The commented keys of the camera are valid, too.
	all := regexp.MustCompile(`(?m)^    calibration:.*\n`).ReplaceAllString(string(Example), "")
	c = loadExample(t, regexp.MustCompile(`(?m)^    #([a-z]|  )`).ReplaceAllString(all, "    $1"))
	if own := c.Cameras[0]; len(own.Mask) != 1 || len(own.Zones) != 1 || len(own.Armed) != 2 ||
		own.TimeZone.String() == "" || own.Threshold == nil {
		t.Errorf("the camera's commented lines in force are %+v", own)
	}
}

func TestExampleShowsTheDefaults(t *testing.T) {
	c := loadExample(t, uncommented())
	// Values that the example shows without a default.
	if c.Model == "" || c.NATS.URL == "" || c.NATS.User == "" || c.NATS.Embedded.User == "" {
		t.Errorf("the commented lines are not in force: %+v", c)
	}
	d := Default()
	d.DataDir = "/etc/vigil/vigil-data"
	c.Cameras, c.Model = nil, ""
	c.NATS.URL, c.NATS.User, c.NATS.Password = "", "", Secret{}
	c.NATS.Embedded.User, c.NATS.Embedded.Password, c.NATS.Embedded.Accounts = "", Secret{}, nil
	c.NATS.TLS, c.MQTT.URL, c.MQTT.User, c.MQTT.Password = TLS{}, "", "", Secret{}
	c.Webhook.URL, c.Webhook.Secret = Secret{}, Secret{}
	if !reflect.DeepEqual(c, d) {
		t.Errorf("the example's defaults are\n%+v\nbut\n%+v", c, d)
	}
}

func TestExampleNamesEveryKey(t *testing.T) {
	text := string(Example)
	var look func(reflect.Type)
	look = func(in reflect.Type) {
		for _, f := range Fields(in) {
			if name := KeyOf(f); !regexp.MustCompile(`\b` + name + `\b`).MatchString(text) {
				t.Errorf("the example does not show %s", name)
			}
			inner := f.Type
			if inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
				inner = inner.Elem()
			}
			look(inner)
		}
	}
	look(reflect.TypeFor[Config]())
}
