package alerts

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"

	"github.com/oklog/ulid/v2"

	"vigil/geometry"
)

var (
	reasonPattern = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	digestPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// Required fields, by the kind of alert.
var (
	requiredFields = []string{
		"schema_version", "alert_id", "seq", "phase", "kind", "camera", "start", "peak",
		"duration_seconds", "model", "source", "gap_before",
	}
	requiredMeasurement = []string{
		"error", "regularity", "peak_error", "peak_regularity", "lo", "threshold",
		"severity",
	}
	requiredEnd    = []string{"end", "end_reason"}
	requiredMoment = []string{"wall", "stream_seconds", "frame"}

	requiredEvidence = []string{"kind", "media_type", "bucket", "name", "bytes", "sha256", "frame"}
)

// Validate returns an error with all invalid fields, by their JSON names.
func (a Alert) Validate() error {
	var c problems
	c.require(a.SchemaVersion == SchemaVersion, "schema_version is %d: must be %d", a.SchemaVersion, SchemaVersion)
	if _, err := ulid.ParseStrict(a.ID); err != nil || !canonicalID(a.ID) {
		c.require(false, "alert_id is %q: must be a ULID", a.ID)
	}
	c.require(a.Seq >= 0, "seq is %d: counts from 0", a.Seq)
	c.require(slices.Contains([]Phase{PhaseStart, PhaseUpdate, PhaseEnd}, a.Phase),
		"phase is %q: must be start, update or end", a.Phase)
	c.require(a.Kind == KindAnomaly || a.Kind == KindUntrusted, "kind is %q: must be anomaly or untrusted", a.Kind)
	c.require(a.Reason == "" || a.Kind == KindUntrusted && reasonPattern.MatchString(a.Reason),
		"reason is %q with kind %s: must be a reason such as covered, with kind untrusted", a.Reason, a.Kind)
	if err := ValidCamera(a.Camera); err != nil {
		c.require(false, "camera: %w", err)
	}
	c.moment("start", a.Start)
	c.moment("peak", a.Peak)
	if a.Phase == PhaseEnd {
		c.require(a.End != nil, "end is missing in an end message")
		c.require(reasonPattern.MatchString(string(a.EndReason)), "end_reason is %q: must be a reason such as calm",
			a.EndReason)
	} else {
		c.require(a.End == nil, "end is set in a message that is not an end")
		c.require(a.EndReason == "", "end_reason is set in a message that is not an end")
	}
	if a.End != nil {
		c.moment("end", *a.End)
	}
	c.number("duration_seconds", a.DurationSeconds, math.Inf(1))
	for i, b := range a.Boxes {
		c.box(i, b)
	}
	c.require(a.Kind != KindAnomaly ||
		a.Measurement != nil, "error and the other measurements are missing in an anomaly")
	if r := a.Measurement; r != nil {
		c.number("error", r.Error, math.Inf(1))
		c.number("regularity", r.Regularity, 1)
		c.number("peak_error", r.PeakError, math.Inf(1))
		c.number("peak_regularity", r.PeakRegularity, 1)
		c.number("lo", r.Lo, math.Inf(1))
		c.number("threshold", r.Threshold, math.Inf(1))
		c.number("severity", r.Severity, 1)
		c.require(r.Cause == "" || reasonPattern.MatchString(r.Cause), "cause is %q: must be a measure such as motion",
			r.Cause)
		c.reading("motion", r.Motion)
		c.reading("appearance", r.Appearance)
	}
	c.require(a.Source.Width >= 0 && a.Source.Height >= 0, "source is %dx%d: must not be negative", a.Source.Width,
		a.Source.Height)
	c.number("source.fps", a.Source.FPS, math.Inf(1))
	if l := a.Latency; l != nil {
		c.number("latency.capture_ms", l.CaptureMS, math.Inf(1))
		c.number("latency.queue_ms", l.QueueMS, math.Inf(1))
		c.number("latency.score_ms", l.ScoreMS, math.Inf(1))
		c.number("latency.publish_ms", l.PublishMS, math.Inf(1))
	}
	for i, e := range a.Evidence {
		c.evidence(i, e)
	}
	c.require(len(a.EvidencePending) == 0 ||
		a.Phase == PhaseEnd, "evidence_pending is set in a message that is not an end")
	for i, e := range a.EvidencePending {
		c.require(reasonPattern.MatchString(string(e.Kind)) && e.Bucket != "" &&
			e.Name != "", "evidence_pending[%d] must have a kind, a bucket and a name", i)
	}
	c.require(len(a.EvidenceMissing) == 0 ||
		a.Phase == PhaseEnd, "evidence_missing is set in a message that is not an end")
	for i, e := range a.EvidenceMissing {
		c.require(reasonPattern.MatchString(string(e.Kind)) && reasonPattern.MatchString(e.Reason),
			"evidence_missing[%d] must have a kind and a reason", i)
	}
	return c.err()
}

func (c *problems) reading(field string, r *Reading) {
	if r == nil {
		return
	}
	c.number(field+".error", r.Error, math.Inf(1))
	if r.Regularity != nil {
		c.number(field+".regularity", *r.Regularity, 1)
	}
}

// checkRequired distinguishes a missing field from a zero one, which the Go type alone cannot.
func checkRequired(data []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return fmt.Errorf("data: %w", err)
	}
	var c problems
	c.requireFields("", fields, requiredFields)
	if string(fields["kind"]) == `"anomaly"` || fields["error"] != nil {
		c.requireFields("", fields, requiredMeasurement)
	}
	if string(fields["phase"]) == `"end"` {
		c.requireFields("", fields, requiredEnd)
	}
	var pieces []map[string]json.RawMessage
	if raw := fields["evidence"]; raw != nil && json.Unmarshal(raw, &pieces) == nil {
		for i, piece := range pieces {
			c.requireFields(fmt.Sprintf("evidence[%d].", i), piece, requiredEvidence)
		}
	}
	for name, required := range map[string][]string{
		"start": requiredMoment, "peak": requiredMoment, "end": requiredMoment,
		"model": {"name", "hash"}, "source": {"width", "height"},
	} {
		var inner map[string]json.RawMessage
		if raw := fields[name]; raw != nil && json.Unmarshal(raw, &inner) == nil {
			c.requireFields(name+".", inner, required)
		}
	}
	return c.err()
}

type problems struct{ errs []error }

// err joins all problems on one line, for the log.
func (c *problems) err() error {
	if len(c.errs) == 0 {
		return nil
	}
	all := c.errs[0]
	for _, err := range c.errs[1:] {
		all = fmt.Errorf("%w; %w", all, err)
	}
	return all
}

func (c *problems) require(ok bool, format string, args ...any) {
	if !ok {
		c.errs = append(c.errs, fmt.Errorf(format, args...))
	}
}

func (c *problems) requireFields(prefix string, fields map[string]json.RawMessage, names []string) {
	for _, name := range names {
		raw := fields[name]
		c.require(raw != nil && string(raw) != "null", "%s%s is missing", prefix, name)
	}
}

// number rejects values that JSON cannot represent, such as NaN, since the encoder's error does not name the field.
func (c *problems) number(name string, v, most float64) {
	c.require(v >= 0 && v <= most && !math.IsInf(v, 0), "%s is %v: must be a number from 0 to %v", name, v, most)
}

func (c *problems) moment(name string, m Moment) {
	c.require(m.Wall.Year() >= 1970 && m.Wall.Year() <= 9999, "%s.wall is missing or not from 1970 to 9999", name)
	c.require(!math.IsNaN(m.StreamSeconds) && !math.IsInf(m.StreamSeconds, 0),
		"%s.stream_seconds is %v: must be a number",
		name, m.StreamSeconds)
}

func (c *problems) box(i int, b geometry.Box) {
	for _, f := range []struct {
		name string
		v    float64
	}{{"x", b.X}, {"y", b.Y}, {"w", b.W}, {"h", b.H}} {
		c.number(fmt.Sprintf("boxes[%d].%s", i, f.name), f.v, 1)
	}
}

func (c *problems) evidence(i int, e Evidence) {
	name := func(field string) string { return fmt.Sprintf("evidence[%d].%s", i, field) }
	c.require(reasonPattern.MatchString(string(e.Kind)), "%s is %q: must be a kind such as clip", name("kind"), e.Kind)
	c.require(digestPattern.MatchString(e.SHA256), "%s is %q: must be 64 hexadecimal digits", name("sha256"), e.SHA256)
	for field, text := range map[string]string{"media_type": e.MediaType, "bucket": e.Bucket, "name": e.Name} {
		c.require(text != "", "%s is empty", name(field))
	}
	c.require(e.Bytes >= 0 && e.Width >= 0 && e.Height >= 0, "%s, width or height is negative", name("bytes"))
	c.number(name("seconds"), e.Seconds, math.Inf(1))
}

// canonicalID rejects lower case, which ULIDs permit and which would give one alert two ids.
func canonicalID(id string) bool {
	u, err := ulid.ParseStrict(id)
	return err == nil && u.String() == id
}
