// Package config reads the configuration file: YAML in, a checked Config out, or one error that names every problem.
//
// Load is strict. An unknown key, a value of another type, a duration without a unit or a value out of its range is an
// error with the key and the line; nothing is guessed, and the file is read once: a Config is a plain value that never
// changes under its readers. Secrets and sources are types that print redacted.
package config

import (
	"time"

	"vigil/capture/source"
	"vigil/geometry"
)

// DefaultFile is the default path of the configuration.
const DefaultFile = "vigil.yaml"

// Config is everything that the configuration file can say.
type Config struct {
	// DataDir is the folder for what vigil run writes: the store of alerts, evidence, and what it keeps of the sinks.
	DataDir string `yaml:"data_dir" validate:"required" path:"folder"`
	// Log says what is logged, and how.
	Log Log `yaml:"log"`
	// Threads is how many processor cores the model may use; 0 is all of them.
	Threads int `yaml:"threads" validate:"min=0,max=1024"`
	// Buffers is how many MiB the pictures of all cameras may take in the main process: clips that wait to be scored,
	// and what is kept for evidence.
	Buffers int `yaml:"buffers" validate:"min=64,max=1048576"`
	// Model is the file of trained weights for every camera that names none itself, or base, base-street or
	// base-street-fast.
	Model string `yaml:"model" path:"file" unless:"base base-street base-street-fast"`
	// NATS is where the alerts go.
	NATS NATS `yaml:"nats"`
	// Outbox bounds what is kept of alerts on this machine.
	Outbox Outbox `yaml:"outbox"`
	// Evidence says what is stored of each alert, such as a clip.
	Evidence Evidence `yaml:"evidence"`
	// MQTT is a broker that the alerts go to as well, for Home Assistant and others.
	MQTT MQTT `yaml:"mqtt"`
	// Webhook is an address that the alerts are posted to as well.
	Webhook Webhook `yaml:"webhook"`
	// HTTP is where programs of this machine read metrics and health.
	HTTP HTTP `yaml:"http"`
	// Defaults are settings for every camera; a camera's own settings win, key by key.
	Defaults Settings `yaml:"defaults"`
	// Cameras are the cameras to watch.
	Cameras []Camera `yaml:"cameras" validate:"dive"`
}

// Log says what is logged, and how.
type Log struct {
	// Level is the least severe level that is still logged.
	Level string `yaml:"level" validate:"oneof=debug info warn error"`
	// Format is text for people, json for programs.
	Format string `yaml:"format" validate:"oneof=text json"`
}

// Camera is one source of pictures with its settings.
type Camera struct {
	// Name is the camera's name in alerts, subjects and folders: small letters, digits, _ and -.
	Name string `yaml:"name"`
	// Source is a URL (rtsp, rtsps, http, https), a device, a video file or a folder of pictures. A file's relative
	// path starts at the configuration file's folder.
	Source source.Address `yaml:"source"`
	// Settings are the camera's own.
	Settings `yaml:",inline"`
}

// Settings are settings of one camera or, under defaults, of all.
type Settings struct {
	// Model is the file of trained weights, or base, base-street or base-street-fast: weights that come
	// with vigil and know many places.
	Model string `yaml:"model" path:"file" unless:"base base-street base-street-fast"`
	// Calibration is the file that vigil calibrate wrote for this camera.
	Calibration string `yaml:"calibration" path:"file"`
	// Threshold sets lo and theta by hand, in place of a calibration.
	Threshold *Threshold `yaml:"threshold"`
	// Alarms is how many false alarms vigil calibrate allows, as 1/day, 2/week or 0.5/hour. A change takes a new
	// calibration.
	Alarms Rate `yaml:"alarms"`
	// Adapt lets normal video that is seen while watching join that of the calibration, so that the threshold comes to
	// the number of alarms.
	Adapt bool `yaml:"adapt"`
	// FPS is how many frames a second the model sees; 0 is every frame. Without it the rate is that of the calibration,
	// and of the weights, which is 10 unless they were trained at another.
	FPS *float64 `yaml:"fps" validate:"omitempty,min=0,max=120"`
	// Hop is how many frames lie between the starts of two clips that are scored.
	Hop int `yaml:"hop" validate:"min=1,max=160"`
	// Realtime plays a file or a folder at its own pace; false is as fast as it decodes. Live cameras are not affected.
	Realtime bool `yaml:"realtime"`
	// Reader is what reads a URL: FFmpeg's libraries, or GoCV, which reads files, folders and devices.
	Reader string `yaml:"reader" validate:"oneof=ffmpeg gocv"`
	// Transport is how RTSP brings the pictures.
	Transport string `yaml:"transport" validate:"oneof=tcp udp"`
	// Trust says whose certificate an rtsps or https camera may show: any, system (one that an authority vouches for
	// that this machine knows), or a file in PEM form with the camera's own certificate or that of another authority.
	Trust string `yaml:"trust" path:"file" unless:"any system"`
	// Follow are the hosts beside its own that a camera's URL may lead to, by redirects, playlists and descriptions of
	// streams: host or host:port.
	Follow []string `yaml:"follow"`
	// OpenTimeout is how long opening a live source may take.
	OpenTimeout time.Duration `yaml:"open_timeout" validate:"min=1s,max=5m"`
	// ReadTimeout is how long a live source may send nothing before it is opened again.
	ReadTimeout time.Duration `yaml:"read_timeout" validate:"min=1s,max=5m"`
	// Reconnect says how long to wait before a lost source is opened again.
	Reconnect Reconnect `yaml:"reconnect"`
	// FrozenAfter is for how long a live source may repeat one picture bit for bit before it counts as frozen; 0s is
	// forever.
	FrozenAfter time.Duration `yaml:"frozen_after" validate:"min=0s,max=24h"`
	// Memory is how many MiB the process that reads a live camera may take; above that it is ended and started again.
	Memory int `yaml:"memory" validate:"min=128,max=65536"`
	// Footage says how many of the camera's recent pictures are kept for evidence.
	Footage Footage `yaml:"footage"`
	// Untrusted says whether alerts tell that the camera is covered, dark, out of focus, frozen, moved or the like; a
	// camera that pans on a tour needs off.
	Untrusted string `yaml:"untrusted" validate:"oneof=on off"`
	// Mask are areas that the model does not see.
	Mask []geometry.Polygon `yaml:"mask"`
	// Zones are areas with a name; an alert names those it touches.
	Zones []Zone `yaml:"zones" validate:"dive"`
	// Detector says when scores become an event.
	Detector Detector `yaml:"detector"`
	// Armed are the hours in which alerts are raised; none means always.
	Armed []Hours `yaml:"armed"`
	// TimeZone is the IANA time zone of the armed hours, as Europe/Berlin; empty is this machine's.
	TimeZone TimeZone `yaml:"time_zone"`
}

// Threshold are two raw errors of the model: lo is the low end of the normal ones, theta the one above which a clip
// is abnormal (regularity = clamp(1 - (e - lo) / (2 (theta - lo)), 0, 1)).
type Threshold struct {
	// Lo is the low end of normal errors.
	Lo float64 `yaml:"lo" validate:"min=0"`
	// Theta is the error at which regularity is 0.5; it is above lo.
	Theta float64 `yaml:"theta" validate:"min=0"`
}

// Values of Settings.Trust other than a file.
const (
	TrustAny    = "any"
	TrustSystem = "system"
)

// TrustFile returns the file with certificates, or "" if any is accepted or the system's authorities are used.
func (s Settings) TrustFile() string {
	if s.Trust == TrustAny || s.Trust == TrustSystem {
		return ""
	}
	return s.Trust
}

// Reconnect bounds the pause before a lost source is opened again; it doubles from min to max.
type Reconnect struct {
	// Min is the first pause.
	Min time.Duration `yaml:"min" validate:"min=100ms,max=10m"`
	// Max is the longest pause.
	Max time.Duration `yaml:"max" validate:"min=100ms,max=1h"`
}

// Footage bounds what is kept of the pictures before an event.
type Footage struct {
	// Keep is for how long pictures are kept.
	Keep time.Duration `yaml:"keep" validate:"min=0s,max=10m"`
	// Memory is how many MiB the previews may take, again the pictures of full size, and again those that the model
	// saw.
	Memory int `yaml:"memory" validate:"min=1,max=4096"`
}

// Zone is an area with a name.
type Zone struct {
	// Name is what an alert calls the area.
	Name string `yaml:"name"`
	// Polygon is its outline.
	Polygon geometry.Polygon `yaml:"polygon"`
}

// Detector opens an event when regularity stays below enter and closes it when it stays above leave. The durations
// are stream time.
type Detector struct {
	// Enter is the regularity below which an event may start.
	Enter float64 `yaml:"enter" validate:"gt=0,max=1"`
	// Leave is the regularity above which it may end; it is above enter.
	Leave float64 `yaml:"leave" validate:"gt=0,max=1"`
	// OpenAfter is how long regularity stays below enter before the event opens.
	OpenAfter time.Duration `yaml:"open_after" validate:"min=0s,max=1h"`
	// OpenAtOnce opens an event without waiting for open_after: when two clips in a row are so many times as far above
	// the normal errors as enter is. 0 is never.
	OpenAtOnce float64 `yaml:"open_at_once" validate:"min=0,max=1000"`
	// CloseAfter is how long regularity stays above leave before the event closes.
	CloseAfter time.Duration `yaml:"close_after" validate:"min=0s,max=1h"`
	// MinDuration is the minimum duration of an event, so that it does not flap.
	MinDuration time.Duration `yaml:"min_duration" validate:"min=0s,max=1h"`
	// CoolDown is how long after an event no other one opens.
	CoolDown time.Duration `yaml:"cool_down" validate:"min=0s,max=24h"`
	// UpdateEvery is the minimum interval between updates of an event; its start and its end are never delayed. 0s
	// reports every change.
	UpdateEvery time.Duration `yaml:"update_every" validate:"min=0s,max=1h"`
}

// Default returns the configuration of an empty file: no cameras, the embedded NATS server.
func Default() Config {
	return Config{
		DataDir: "vigil-data",
		Log:     Log{Level: "info", Format: "text"},
		NATS:    NATS{Embedded: Embedded{Host: "127.0.0.1", Port: 4222, Memory: 64}},
		Buffers: 2048,
		Outbox:  Outbox{Size: 256, Reserve: 16, SetAsideAfter: 10 * time.Minute},
		Evidence: Evidence{
			Enabled: true, Clips: true, Size: 2048, Keep: 30 * 24 * time.Hour,
			Before: 5 * time.Second, After: 3 * time.Second, Longest: 20 * time.Second, Copy: true,
		},
		MQTT:    MQTT{Topic: "vigil", Discovery: "homeassistant", Commands: "off"},
		HTTP:    HTTP{Listen: "127.0.0.1:8080", Anonymous: true, Pprof: Off},
		Webhook: Webhook{Timeout: 10 * time.Second, Phases: []string{"start", "update", "end"}},
		Defaults: Settings{
			Alarms:      Rate{Times: 1, Per: "day"},
			Adapt:       true,
			Hop:         2,
			Realtime:    true,
			Reader:      source.FFmpeg,
			Transport:   "tcp",
			Trust:       TrustAny,
			Follow:      []string{},
			OpenTimeout: 10 * time.Second,
			ReadTimeout: 10 * time.Second,
			Reconnect:   Reconnect{Min: time.Second, Max: time.Minute},
			FrozenAfter: time.Minute,
			Untrusted:   "on",
			Memory:      1024,
			Footage:     Footage{Keep: 30 * time.Second, Memory: 16},
			Detector: Detector{
				Enter: 0.5, Leave: 0.6,
				OpenAfter: 500 * time.Millisecond, OpenAtOnce: 4, CloseAfter: 2 * time.Second,
				CoolDown:    5 * time.Second,
				UpdateEvery: 5 * time.Second,
			},
		},
	}
}
