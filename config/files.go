package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"vigil/capture/source"
)

// CheckFiles returns an *Errors with the missing files that c names: models, calibrations, credentials, certificates,
// and sources that are files, folders or devices by a path.
func (c Config) CheckFiles() error {
	var found problemList
	found.file("model", c.Model)
	found.file("nats.creds", c.NATS.Creds)
	found.file("nats.nkey", c.NATS.NKey)
	for _, t := range []struct {
		key string
		TLS
	}{{"nats.tls", c.NATS.TLS}, {"mqtt.tls", c.MQTT.TLS}, {"webhook.tls", c.Webhook.TLS}} {
		found.file(t.key+".ca", t.CA)
		found.file(t.key+".cert", t.Cert)
		found.file(t.key+".key", t.Key)
	}
	found.file("defaults.model", c.Defaults.Model)
	found.file("defaults.calibration", c.Defaults.Calibration)
	found.file("defaults.trust", c.Defaults.TrustFile())
	for i, camera := range c.Cameras {
		key := fmt.Sprintf("cameras[%d]", i)
		if camera.Model != c.Model && camera.Model != c.Defaults.Model {
			found.file(key+".model", camera.Model)
		}
		if camera.Calibration != c.Defaults.Calibration {
			found.file(key+".calibration", camera.Calibration)
		}
		if camera.Trust != c.Defaults.Trust {
			found.file(key+".trust", camera.TrustFile())
		}
		found.source(key+".source", camera.Source)
	}
	return (&Errors{Problems: found}).err()
}

func (f *problemList) file(key, path string) {
	if path == "" {
		return
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.add(key, "", "no such file: %s", path)
	case err != nil:
		f.add(key, "", "%s: %v", path, reason(err))
	case !info.Mode().IsRegular():
		f.add(key, "", "is not a file: %s", path)
	}
}

// source checks only sources with a path; whether a camera answers is not part of the configuration.
func (f *problemList) source(key string, a source.Address) {
	if a == (source.Address{}) || a.Live() {
		return
	}
	if _, err := os.Stat(a.Reveal()); err != nil {
		f.add(key, "", "%v: %s", reason(err), a)
	}
}
