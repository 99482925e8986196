// Package alerts defines the messages that vigil publishes: the Alert, its envelope and the subjects.
//
// An Alert goes in and CloudEvents 1.0 in structured JSON comes out, and back. The package does not depend on a broker.
// The invariant: everything that Encode returns validates against schema/alert-v1.json, and Decode reads whatever a
// later program of schema version 1 may add.
package alerts

import (
	"time"

	"vigil/geometry"

	"github.com/oklog/ulid/v2"
)

// SchemaVersion is the version of the payload that this program writes and reads. Fields may be added within it.
const SchemaVersion = 1

// Phase is the position of a message in its alert.
type Phase string

// The phases: one start with seq 0, any number of updates, one end.
const (
	PhaseStart  Phase = "start"
	PhaseUpdate Phase = "update"
	PhaseEnd    Phase = "end"
)

// Kind distinguishes an event in the scene from a camera that cannot be trusted any more.
type Kind string

// The kinds of alerts.
const (
	KindAnomaly   Kind = "anomaly"
	KindUntrusted Kind = "untrusted"
)

// EndReason says why an alert ended. Later programs may know more reasons; treat an unknown one as an end.
type EndReason string

// The reasons of this version. The detector decides only on EndCalm (pipeline/detect, Detector.Push); reasons of the
// source and of the program come from the camera's reader, through the mailbox, and all but EndCrashRecovered are
// published by the scheduler:
//
//   - EndCalm: pipeline, scheduler.handleClip, where the detector reports Ended.
//   - EndSourceEnded, EndSourceLost, EndStopped: pipeline, reader.run.
//   - EndDisarmed: pipeline, scheduler.handleClip, by Camera.Armed.
//   - EndSnoozed, EndDetectionOff: likewise, by Camera.Suspended.
//   - EndPaused: app, where it removes a paused camera.
//   - EndMismatch: pipeline, scheduler.hold, for clips that reader.checkCalibration holds.
//   - EndUnwatched: pipeline, reader.noClip, and scheduler.handleUnscorable for scores that are not finite.
//   - EndUntrusted, EndRestored: pipeline, scheduler.updateUntrusted.
//   - EndReconfigured: pipeline, Engine.Remove and Engine.Update of a new configuration.
//   - EndCrashRecovered: alerts/outbox, Outbox.closeOpenEvent, at the start after a crash.
const (
	EndCalm           EndReason = "calm"            // regularity stayed above the detector's leave
	EndSourceEnded    EndReason = "source_ended"    // a recording ended
	EndSourceLost     EndReason = "source_lost"     // a live source was lost
	EndDisarmed       EndReason = "disarmed"        // the armed hours ended
	EndSnoozed        EndReason = "snoozed"         // somebody snoozed the camera
	EndDetectionOff   EndReason = "detection_off"   // somebody switched its detection off
	EndPaused         EndReason = "paused"          // somebody paused the camera
	EndMismatch       EndReason = "mismatch"        // the video does not match its calibration any more
	EndUnwatched      EndReason = "unwatched"       // pictures arrived, but no clip of them could be scored
	EndUntrusted      EndReason = "untrusted"       // the camera cannot be trusted any more
	EndRestored       EndReason = "restored"        // the camera can be trusted again
	EndStopped        EndReason = "stopped"         // vigil was stopped
	EndReconfigured   EndReason = "reconfigured"    // the camera's settings changed while it was watched
	EndCrashRecovered EndReason = "crash_recovered" // vigil died and ended the alert at its next start
)

// Alert is one message about one event. Every message is complete: the last one describes the whole event.
type Alert struct {
	// The version of this payload; fields may be added within a version.
	SchemaVersion int `json:"schema_version" jsonschema:"enum=1"`
	// ULID of the event, the same in all of its messages.
	ID string `json:"alert_id" jsonschema:"pattern=^[0-7][0-9A-HJKMNP-TV-Z]{25}$"`
	// Counts the messages of this alert from 0, without holes.
	Seq int `json:"seq" jsonschema:"minimum=0"`
	// Position in the alert: start, update or end.
	Phase Phase `json:"phase" jsonschema:"enum=start,enum=update,enum=end"`
	// What is reported: an anomaly in the scene, or a camera that cannot be trusted any more.
	Kind Kind `json:"kind" jsonschema:"enum=anomaly,enum=untrusted"`
	// Why the camera cannot be trusted; only with kind untrusted. Treat an unknown reason like the others.
	Reason string `json:"reason,omitempty" jsonschema:"pattern=^[a-z][a-z0-9_]*$,example=covered,example=dark,example=blinded,example=defocused,example=sprayed,example=frozen,example=moved,example=turned"`
	// Name of the camera.
	Camera string `json:"camera" jsonschema:"pattern=^[a-z0-9_-]+$"`
	// Names of the zones that the event touches.
	Zones []string `json:"zones,omitempty"`
	// Where in the picture, strongest first.
	Boxes []geometry.Box `json:"boxes,omitempty"`

	// First of the frames that the first low clip's score is made of; of kind untrusted when the doubt began.
	Start Moment `json:"start"`
	// The middle one of the frames that the score of the clip with the highest error so far is made of; of kind
	// untrusted when the reason was found.
	Peak Moment `json:"peak"`
	// Last frame of the event; only in the end message.
	End *Moment `json:"end,omitempty"`
	// Stream time from start to end, or to now while the event goes on, in seconds.
	DurationSeconds float64 `json:"duration_seconds" jsonschema:"minimum=0"`
	// Why the event ended; only in the end message. Treat an unknown reason as an end.
	EndReason EndReason `json:"end_reason,omitempty" jsonschema:"pattern=^[a-z][a-z0-9_]*$,example=calm,example=source_ended,example=source_lost,example=disarmed,example=snoozed,example=detection_off,example=paused,example=mismatch,example=unwatched,example=untrusted,example=restored,example=stopped,example=reconfigured,example=crash_recovered"`

	// Measurement is the model's measurement; every anomaly has one, an untrusted camera may have none.
	*Measurement

	// The weights that computed the scores.
	Model Model `json:"model"`
	// The calibration that lo and threshold come from.
	CalibrationID string `json:"calibration_id,omitempty"`
	// The stream as it came in.
	Source Source `json:"source"`
	// The first clip of the event came right after a gap in the stream.
	GapBefore bool `json:"gap_before"`
	// Processing times, as far as they were measured.
	Latency *Latency `json:"latency,omitempty"`
	// The evidence so far.
	Evidence []Evidence `json:"evidence,omitempty"`
	// Evidence that was not complete when the alert ended; only in an end message. It appears under its name when it
	// is complete, seconds to minutes later, or never, for example when the machine stops or the disk is full.
	EvidencePending []PendingEvidence `json:"evidence_pending,omitempty"`
	// Evidence that will never be available; only in an end message.
	EvidenceMissing []MissingEvidence `json:"evidence_missing,omitempty"`
}

// MissingEvidence is evidence that could not be made.
type MissingEvidence struct {
	// What it would have shown.
	Kind EvidenceKind `json:"kind" jsonschema:"pattern=^[a-z][a-z0-9_]*$,example=clip"`
	// Why it is missing: vigil was stopped before it was ready, the encoder was too far behind, no pictures of that
	// time were kept, or it could not be made or stored. Later programs may know more reasons.
	Reason string `json:"reason" jsonschema:"pattern=^[a-z][a-z0-9_]*$,example=stopped,example=overloaded,example=no_pictures,example=failed"`
}

// Reasons of missing evidence.
const (
	MissingStopped    = "stopped"
	MissingOverloaded = "overloaded"
	MissingNoPictures = "no_pictures"
	MissingFailed     = "failed"
)

// PendingEvidence is evidence that is still being made.
type PendingEvidence struct {
	// What it will show.
	Kind EvidenceKind `json:"kind" jsonschema:"pattern=^[a-z][a-z0-9_]*$,example=clip"`
	// Name of the object store's bucket.
	Bucket string `json:"bucket"`
	// Name that the object will have in it. The object store knows its size and SHA-256.
	Name string `json:"name"`
}

// EvidenceKind says what a piece of evidence shows.
type EvidenceKind string

// The kinds of evidence of this version.
const (
	EvidenceSnapshot EvidenceKind = "snapshot" // the picture at the peak
	EvidenceBefore   EvidenceKind = "before"   // of an untrusted camera: a picture from before
	EvidenceHeatMap  EvidenceKind = "heatmap"  // the same with the error map over it
	EvidenceClip     EvidenceKind = "clip"     // video of the event, with some time before and after
	// EvidenceModelInput is a lossless video of the model's input for the same time: grey, small, at the model's frame
	// rate.
	EvidenceModelInput EvidenceKind = "model_input"
)

// Evidence is a picture or a video of an event, stored as an object in an object store of NATS.
type Evidence struct {
	// What it shows. Later programs may know more kinds.
	Kind EvidenceKind `json:"kind" jsonschema:"pattern=^[a-z][a-z0-9_]*$,example=snapshot,example=before,example=heatmap,example=clip,example=model_input"`
	// Type of the contents, as image/jpeg or video/mp4.
	MediaType string `json:"media_type"`
	// Name of the object store's bucket.
	Bucket string `json:"bucket"`
	// Name of the object in it, which begins with the alert's id.
	Name string `json:"name"`
	// Size of the object.
	Bytes int64 `json:"bytes" jsonschema:"minimum=0"`
	// SHA-256 of the object, in hexadecimal.
	SHA256 string `json:"sha256" jsonschema:"pattern=^[0-9a-f]{64}$"`
	// Width of the picture in pixels.
	Width int `json:"width,omitempty" jsonschema:"minimum=0"`
	// Height of the picture in pixels.
	Height int `json:"height,omitempty" jsonschema:"minimum=0"`
	// The frame that a picture shows, or that a clip begins with.
	Frame uint64 `json:"frame" jsonschema:"minimum=0"`
	// Length of a clip in seconds.
	Seconds float64 `json:"seconds,omitempty" jsonschema:"minimum=0"`
	// The picture is smaller than the camera's, because the full size was not available any more; always so in a clip.
	Reduced bool `json:"reduced,omitempty"`
}

// Measurement is the model's measurement of an event.
type Measurement struct {
	// Raw error of the latest clip, in the unit that the weights name, by the measure nearest to its threshold.
	Error float64 `json:"error" jsonschema:"minimum=0"`
	// Live regularity of the latest clip by the same measure: 1 is normal, 0.5 the threshold.
	Regularity float64 `json:"regularity" jsonschema:"minimum=0,maximum=1"`
	// Highest raw error of the event so far.
	PeakError float64 `json:"peak_error" jsonschema:"minimum=0"`
	// Regularity at the peak.
	PeakRegularity float64 `json:"peak_regularity" jsonschema:"minimum=0,maximum=1"`
	// Low end of this camera's normal errors; regularity is 1 there.
	Lo float64 `json:"lo" jsonschema:"minimum=0"`
	// The threshold chosen by calibration; regularity is 0.5 there.
	Threshold float64 `json:"threshold" jsonschema:"minimum=0"`
	// 1 - peak_regularity, from 0 to 1: 0.5 is at the threshold, 1 as far above it as lo is below.
	Severity float64 `json:"severity" jsonschema:"minimum=0,maximum=1"`
	// The measure that the peak, lo and threshold are of: motion, appearance (also of what stands still) or mean.
	// Messages of earlier versions have none.
	Cause string `json:"cause,omitempty" jsonschema:"pattern=^[a-z][a-z0-9_]*$,example=motion,example=appearance"`
	// The latest clip by the measure motion.
	Motion *Reading `json:"motion,omitempty"`
	// The latest clip by the measure appearance.
	Appearance *Reading `json:"appearance,omitempty"`
}

// Reading is a clip's error by one measure.
type Reading struct {
	// Raw error, in the unit that the weights name.
	Error float64 `json:"error" jsonschema:"minimum=0"`
	// Live regularity by this measure; absent where it has no threshold.
	Regularity *float64 `json:"regularity,omitempty" jsonschema:"minimum=0,maximum=1"`
}

// Moment is the time of a frame.
type Moment struct {
	// Arrival of the frame.
	Wall time.Time `json:"wall"`
	// The stream's own clock, in seconds since the source was opened.
	StreamSeconds float64 `json:"stream_seconds"`
	// The frame's number in the stream, from 0.
	Frame uint64 `json:"frame" jsonschema:"minimum=0"`
}

// Model identifies the weights that computed the scores.
type Model struct {
	// The weights' own name, or their file's.
	Name string `json:"name"`
	// The weights' own version, or the first twelve digits of hash if they have none.
	Version string `json:"version,omitempty"`
	// SHA-256 of the weights' file, in hexadecimal.
	Hash string `json:"hash"`
}

// Source is the stream as it came in, before any resizing.
type Source struct {
	// Width of the pictures in pixels.
	Width int `json:"width" jsonschema:"minimum=0"`
	// Height of the pictures in pixels.
	Height int `json:"height" jsonschema:"minimum=0"`
	// Frames a second; absent where unknown.
	FPS float64 `json:"fps,omitempty" jsonschema:"minimum=0"`
}

// Latency is the time between the scene and the message by stage, in milliseconds.
type Latency struct {
	// From the arrival of a clip's last frame to the complete clip.
	CaptureMS float64 `json:"capture_ms,omitempty" jsonschema:"minimum=0"`
	// From the complete clip to the scorer.
	QueueMS float64 `json:"queue_ms,omitempty" jsonschema:"minimum=0"`
	// In the scorer.
	ScoreMS float64 `json:"score_ms,omitempty" jsonschema:"minimum=0"`
	// From the score until the message is about to be stored.
	PublishMS float64 `json:"publish_ms,omitempty" jsonschema:"minimum=0"`
}

// NewID returns a new ULID for an alert. IDs of one process sort by creation.
func NewID() string { return ulid.Make().String() }

// Severity is 1 - peakRegularity, clamped to [0, 1].
func Severity(peakRegularity float64) float64 { return min(1, max(0, 1-peakRegularity)) }

// MessageID identifies one message: repeats have the same.
func (a Alert) MessageID() string { return MessageID(a.ID, a.Seq) }

// Subject returns the subject of the message.
func (a Alert) Subject() string { return Subject(a.Camera, a.Phase) }

// Time returns when the reported change happened: the start, the peak so far, or the end.
func (a Alert) Time() time.Time {
	switch {
	case a.Phase == PhaseEnd && a.End != nil:
		return a.End.Wall
	case a.Phase == PhaseUpdate:
		return a.Peak.Wall
	default:
		return a.Start.Wall
	}
}

// Milliseconds converts a duration to the unit of Latency.
func Milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
