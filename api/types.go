package api

import (
	"encoding/json"
	"strings"
	"time"

	"vigil/alerts"
	"vigil/internal/errcode"
)

// Edit is a change of a camera that is made at run time.
type Edit struct {
	// Settings are the camera as an element of cameras in the configuration, in YAML or JSON; none to remove it. A
	// source that is as it is shown, without its password, keeps the stored one.
	Settings []byte
	// Revision is what the change replaces; 0 for a new camera, or to remove any.
	Revision uint64
	Check    bool   // only check, and say what would happen
	Local    bool   // the user that vigil runs as asks, who may name files and devices of the machine
	By       string // such as cli
}

// Effect is what a change does to a camera.
type Effect string

// The effects.
const (
	EffectAdded    Effect = "added"
	EffectUpdated  Effect = "updated"  // between two clips
	EffectReopened Effect = "reopened" // it is closed and opened again
	EffectNone     Effect = "none"
	EffectRemoved  Effect = "removed"
)

// Edited is the answer to a change of a camera.
type Edited struct {
	Name   string `json:"name"`
	Effect Effect `json:"effect"`
	Check  bool   `json:"check"` // nothing was changed
	// Revision is the camera's now; 0 if it was removed or only checked.
	Revision uint64 `json:"revision,omitempty"`
	// Detail says what follows, such as that the calibration does not fit.
	Detail string `json:"detail,omitempty"`
}

// Stale is the error of a change of another revision than the one in force.
type Stale struct{ Err error }

func (e Stale) Error() string { return e.Err.Error() }

// Unwrap returns the error itself.
func (e Stale) Unwrap() error { return e.Err }

// OfFile is the error of a change of a camera that the configuration file owns.
type OfFile struct{ Err error }

func (e OfFile) Error() string { return e.Err.Error() }

// Unwrap returns the error itself.
func (e OfFile) Unwrap() error { return e.Err }

// ErrNoCamera means that there is no camera of that name.
var ErrNoCamera = errcode.CameraUnknown.New("there is no such camera")

// Invalid is an error of the request.
type Invalid struct{ Err error }

func (e Invalid) Error() string { return e.Err.Error() }

// Unwrap returns the error itself.
func (e Invalid) Unwrap() error { return e.Err }

// Status is the state of a running vigil.
type Status struct {
	Version       string    `json:"version"`
	Started       time.Time `json:"started"`
	UptimeSeconds float64   `json:"uptime_seconds"`
	Config        *Config   `json:"config,omitempty"`
	Cameras       []Camera  `json:"cameras"`
	Sinks         []Sink    `json:"sinks"`
	Store         Store     `json:"store"`
}

// Config is the state of the configuration; there is none for sources of the command line.
type Config struct {
	File string `json:"file"`
	// InForce is when the configuration in force was read: at the start or at the last reload that succeeded.
	InForce    time.Time  `json:"in_force"`
	LastReload *time.Time `json:"last_reload,omitempty"` // the latest attempt
	// Error says what is wrong with the file, with its lines; the configuration in force goes on. Code is its code in
	// the catalogue of errors.
	Error string `json:"error,omitempty"`
	Code  string `json:"code,omitempty"`
	// NeedRestart are the keys that have changed since the start and are in force only after a restart.
	NeedRestart []string `json:"need_restart"`
}

// Camera is the state of a camera.
type Camera struct {
	Name       string `json:"name"`
	Configured bool   `json:"configured"`       // false for one of which only switches are stored
	Source     string `json:"source,omitempty"` // redacted
	// Origin says who owns the camera: the configuration file, or run time for one that was made while vigil runs. One
	// name in both is an error: the file's camera is monitored, and the other one is listed after it as failed.
	Origin Origin `json:"origin,omitempty"`
	// Revision and Settings are of a camera that was made at run time, Settings only of a single one: what was set of
	// it, with the source redacted.
	Revision uint64          `json:"revision,omitempty"`
	Settings json.RawMessage `json:"settings,omitempty"`
	// State is empty for a camera that is not configured. Since is its start, Detail the reason, and Code that of
	// Detail in the catalogue of errors.
	State  alerts.State `json:"state,omitempty"`
	Since  *time.Time   `json:"since,omitempty"`
	Detail string       `json:"detail,omitempty"`
	Code   string       `json:"code,omitempty"`
	// FramesPerSecond is of the last seconds.
	FramesPerSecond float64 `json:"frames_per_second"`
	Frames          uint64  `json:"frames"`  // read since the camera was added
	Missing         uint64  `json:"missing"` // left out by the source
	DecodeErrors    uint64  `json:"decode_errors"`
	ClipsScored     uint64  `json:"clips_scored"`
	ClipsSkipped    uint64  `json:"clips_skipped"` // for overload
	Events          uint64  `json:"events"`        // started
	AlertsHeld      uint64  `json:"alerts_held"`
	// Regularity is that of the latest clip, and Error its raw error; Threshold is the error at regularity 0.5. They
	// are absent while they are unknown.
	Regularity *float64 `json:"regularity,omitempty"`
	Error      *float64 `json:"error,omitempty"`
	Threshold  *float64 `json:"threshold,omitempty"`
	Switches   Switches `json:"switches"`
	// Changes are the latest changes of the switches, and of the camera itself if it was made at run time, the newest
	// last; only of a single camera.
	Changes []Change `json:"changes,omitempty"`
}

// Origin says who owns a camera.
type Origin string

// The origins.
const (
	OriginFile    Origin = "file"
	OriginRuntime Origin = "runtime"
)

// Switches are a camera's switches; all are false for a camera that is monitored as configured.
type Switches struct {
	Paused       bool       `json:"paused"`
	PausedUntil  *time.Time `json:"paused_until,omitempty"`
	SnoozedUntil *time.Time `json:"snoozed_until,omitempty"`
	DetectionOff bool       `json:"detection_off"`
}

// Change is a change of switches, or of a camera.
type Change struct {
	Change string    `json:"change"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
}

// Sink is the state of a sink.
type Sink struct {
	Name string `json:"name"`
	// Connected is absent for a sink without a connection of its own, such as a webhook.
	Connected *bool  `json:"connected,omitempty"`
	Error     string `json:"error,omitempty"` // why it is not connected
	// Behind are the cameras with alerts that are not delivered yet, and Waiting is the number of their messages.
	Behind  []string `json:"behind"`
	Waiting int      `json:"waiting"`
}

// Store is the state of the store of alerts.
type Store struct {
	Bytes  uint64 `json:"bytes"`  // of all streams on the disk
	Alerts uint64 `json:"alerts"` // messages that are stored
}

// String describes the origin in a word or two.
func (o Origin) String() string {
	switch o {
	case OriginFile:
		return "file"
	case OriginRuntime:
		return "run time"
	}
	return "-"
}

// String describes the switches in a few words; "-" if none is set.
func (s Switches) String() string {
	var all []string
	switch {
	case s.PausedUntil != nil:
		all = append(all, "paused until "+s.PausedUntil.Local().Format(time.DateTime))
	case s.Paused:
		all = append(all, "paused")
	}
	if s.SnoozedUntil != nil {
		all = append(all, "snoozed until "+s.SnoozedUntil.Local().Format(time.DateTime))
	}
	if s.DetectionOff {
		all = append(all, "detection off")
	}
	if len(all) == 0 {
		return "-"
	}
	return strings.Join(all, ", ")
}
