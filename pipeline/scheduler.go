package pipeline

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"vigil/alerts"
	"vigil/alerts/thread"
	"vigil/model"
	"vigil/pipeline/calibrate"
	"vigil/pipeline/detect"
	"vigil/video"
)

// Scorer scores cuboids [16][S][S], in [-1, 1], at most MaxBatch at a time; ignore[i], [S][S], marks pixels that do not
// count in the score of clips[i], nil for none, and backgrounds[i], [S][S], is the empty scene of its camera, nil for
// the model's. Scores are valid until the next call.
type Scorer interface {
	ScoreOn(clips [][]float32, ignore [][]bool, backgrounds [][]float32) ([]model.Score, []error)
	MaxBatch() int
}

// scheduler batches cuboids that share a model and turns their scores into events. It is one goroutine.
type scheduler struct {
	box     *mailbox
	onClip  func(detect.Clip)
	publish *thread.Queue
	batch   []item      // scored together
	clips   [][]float32 // of the batch
	ignore  [][]bool

	backgrounds [][]float32
}

// cameraState is the scheduler's state of one camera.
type cameraState struct {
	reader      *reader
	camera      Camera // with the settings that decide about clips; the reader may be a few pictures ahead
	scorer      Scorer
	leaving     atomic.Bool // what is pending is dropped
	ignore      []bool
	background  []float32 // nil for the model's
	detector    *detect.Detector
	zones       detect.ZoneFinder
	measures    [2]detect.Measure // of a clip's readings
	sensitivity [2]*calibrate.SensitivityMap
	scales      []detect.Scale // nil without a threshold
	event       string         // the ULID of the open event
	heat        []float32      // error map of the latest peak
	heatUnsent  bool           // no message has carried heat yet
	lastClip    detect.Clip
	shadow      *detect.Detector // counts events while alerts are held; nil otherwise
	untrusted   untrusted
	view        []byte // of the place, a PNG; nil for a camera that is not checked
	unscorable  unscorableClips
}

// run processes items until the mailbox is closed. Once ctx is done, pending cuboids are dropped and open events are
// ended. A cuboid that cannot be scored is counted, and its camera goes on.
func (s *scheduler) run(ctx context.Context) {
	for {
		p, ok := s.box.take()
		if !ok {
			return
		}
		c := p.slot.camera
		switch {
		case p.changed:
			s.handleChange(p.slot, p.change)
			continue
		case p.cuboid == nil:
			s.close(c, p.ending)
			if p.ending != alerts.EndUnwatched {
				c.untrusted = untrusted{} // a stream that is opened again is checked anew
			}
			continue
		}
		s.fillBatch(p)
		s.dropUnwanted(ctx)
		if len(s.batch) > 0 {
			s.score()
		}
		for _, p := range s.batch {
			s.box.release(p)
		}
	}
}

// dropUnwanted removes from the batch what is not scored any more: all of it once ctx is done, or the cuboids of
// cameras that leave.
func (s *scheduler) dropUnwanted(ctx context.Context) {
	stopping := ctx.Err() != nil
	kept := s.batch[:0]
	for _, p := range s.batch {
		if stopping || p.slot.camera.leaving.Load() {
			p.slot.camera.reader.stats.dropped.Add(1)
			s.box.release(p)
			continue
		}
		kept = append(kept, p)
	}
	s.batch = kept
}

// handleChange handles a change of a camera.
func (s *scheduler) handleChange(at *slot, c change) {
	switch {
	case c.trust != nil:
		s.handleTrust(at.camera, *c.trust)
	case c.update != nil:
		s.update(at.camera, c.update)
	case c.left != nil:
		s.box.leave(at)
		close(c.left)
	}
}

// fillBatch adds pending cuboids of other cameras with the same model to the batch.
func (s *scheduler) fillBatch(p item) {
	s.batch = append(s.batch[:0], p)
	for len(s.batch) < p.slot.camera.scorer.MaxBatch() {
		p, ok := s.box.tryTake(s.batch)
		if !ok {
			return
		}
		s.batch = append(s.batch, p)
	}
}

// close ends the camera's open event, if any, and resets its detector.
func (s *scheduler) close(c *cameraState, reason alerts.EndReason) {
	s.closeAnomaly(c, reason)
	s.endUntrusted(c, reason)
}

// closeAnomaly is close for an event in the scene.
func (s *scheduler) closeAnomaly(c *cameraState, reason alerts.EndReason) {
	c.shadow = nil
	c.adaptGap()
	if change, ep := c.detector.Close(); change == detect.Ended {
		s.enqueue(c, ep, c.lastClip, alerts.PhaseEnd, reason)
	}
}

// score scores the batch and handles its clips.
func (s *scheduler) score() {
	s.clips, s.ignore, s.backgrounds = s.clips[:0], s.ignore[:0], s.backgrounds[:0]
	for _, p := range s.batch {
		c := p.slot.camera
		s.clips, s.ignore = append(s.clips, p.cuboid.X), append(s.ignore, c.ignore)
		s.backgrounds = append(s.backgrounds, c.background)
	}
	began := time.Now()
	scores, errs := s.batch[0].slot.camera.scorer.ScoreOn(s.clips, s.ignore, s.backgrounds)
	took := time.Since(began)
	for i, p := range s.batch {
		c := p.slot.camera
		if errs[i] != nil {
			s.handleUnscorable(c, fmt.Errorf("score the clip at frame %d: %w", p.cuboid.Seq[0], errs[i]))
			continue
		}
		c.resetUnscorable()
		clip := c.clip(p.cuboid, &scores[i])
		clip.Held, clip.Queue, clip.Score = p.held, p.waited, took
		clip.Doubt = p.cuboid.Doubt
		clip.Capture = max(0, p.put.Sub(p.cuboid.Arrival[video.CuboidFrames-1]))
		s.handleClip(c, clip)
	}
}

// handleClip publishes a scored clip and updates its camera's event.
func (s *scheduler) handleClip(c *cameraState, clip detect.Clip) {
	c.reader.stats.scored.Add(1)
	asTrusted := clip
	isUntrusted := c.checkClip(&clip)
	if s.onClip != nil {
		s.onClip(clip)
	}
	if s.publish.Publishes() {
		s.publish.SendScore(c.scoreMessage(clip))
	}
	errs := clip.Map
	if c.reader.Media != nil {
		c.reader.Media.maps.offer(&clip, c.reader.Model.Spec().Side)
	}
	clip.Map, clip.Readings[0].Cells, clip.Readings[1].Cells = nil, nil, nil
	c.lastClip = clip
	s.updateUntrusted(c, clip.Last.Wall)
	if !c.camera.Threshold.set() {
		return
	}
	if why := c.camera.noEvents(clip.Last.Wall); why != "" {
		s.close(c, why)
		return
	}
	if isUntrusted {
		s.hold(c, asTrusted, alerts.EndUntrusted)
		return
	}
	if clip.Held {
		s.hold(c, clip, alerts.EndMismatch)
		return
	}
	c.shadow = nil
	change, ep := c.detector.Push(clip)
	c.keepHeat(errs)
	c.adapt(&clip, change, ep)
	switch change {
	case detect.Started:
		c.event = alerts.NewID()
		c.reader.stats.events.Add(1)
		s.enqueue(c, ep, clip, alerts.PhaseStart, "")
	case detect.PeakRaised:
		s.enqueue(c, ep, clip, alerts.PhaseUpdate, "")
	case detect.PeakRising:
		if s.publish.Publishes() { // it takes the pictures now, and publishes the update when one is due
			s.enqueue(c, ep, clip, alerts.PhaseUpdate, "")
		}
	case detect.Ended:
		s.enqueue(c, ep, clip, alerts.PhaseEnd, alerts.EndCalm)
	}
}

// hold handles a clip that the calibration does not fit, or that cannot be trusted: an open event is ended for that
// reason, and events that would start are only counted.
func (s *scheduler) hold(c *cameraState, clip detect.Clip, reason alerts.EndReason) {
	c.adaptGap()
	if c.shadow == nil {
		s.closeAnomaly(c, reason)
		c.shadow = detect.NewDetector(c.camera.Detector)
	}
	if change, _ := c.shadow.Push(clip); change == detect.Started {
		c.reader.stats.held.Add(1)
	}
}

// enqueue queues the next message of the camera's event; the thread.Queue numbers it.
func (s *scheduler) enqueue(c *cameraState, ep detect.Event, clip detect.Clip, phase alerts.Phase,
	reason alerts.EndReason,
) {
	a := c.alert(ep, clip)
	a.ID, a.Phase, a.EndReason = c.event, phase, reason
	if phase == alerts.PhaseEnd {
		end := moment(ep.End.Last)
		a.End = &end
	}
	w := thread.Message{
		Alert: a, Side: c.reader.Model.Spec().Side, UpdateEvery: c.camera.Detector.UpdateEvery,
		QueuedAt: time.Now(),
	}
	if c.reader.Media != nil {
		w.Media = c.reader.Media
	}
	if c.heatUnsent && c.reader.Media != nil {
		w.Heat, c.heatUnsent = slices.Clone(c.heat), false
	}
	s.publish.Enqueue(w)
}

// keepHeat keeps the clip's error map if the clip is the peak of an event, or of a run that may become one.
func (c *cameraState) keepHeat(errs []float32) {
	if peak, ok := c.detector.Peak(); ok && peak == c.lastClip.Centre.Frame && c.reader.Media != nil {
		c.heat, c.heatUnsent = append(c.heat[:0], errs...), true
	}
}

// clip converts a scored cuboid to a Clip.
func (c *cameraState) clip(cuboid *video.Cuboid, s *model.Score) detect.Clip {
	at := func(i int) detect.Moment {
		return detect.Moment{Frame: cuboid.Seq[i], PTS: cuboid.PTS[i], Wall: cuboid.Arrival[i]}
	}
	scored := c.reader.Model.Spec().ScoredFrames()
	clip := detect.Clip{
		Camera: c.reader.Name, First: at(0), Centre: at(detect.Centre), Last: at(video.CuboidFrames - 1),
		ScoredFrom: at(video.CuboidFrames - scored), ScoredCentre: at(video.CuboidFrames - (scored+1)/2),
		Map: s.Map, Regularity: math.NaN(), Gap: cuboid.Gap,
		Generation: cuboid.Generation,
		Pictures:   cuboid.Pictures, FPS: cuboid.FPS(), Width: cuboid.Width, Height: cuboid.Height,
	}
	clip.Readings[0] = c.reading(0, &s.Reading)
	if c.measures[1] != "" {
		clip.Readings[1] = c.reading(1, &s.Appearance)
	}
	clip.ApplyScales(c.scales)
	if clip.Regularity <= c.camera.Detector.Leave { // false for NaN
		clip.Boxes = detect.HotBoxes(c.sensitivityOf(clip.Cause).Apply(s.Map, s.Side), s.Side)
		clip.Zones = c.zones.Overlapping(clip.Boxes)
	}
	return clip
}

// reading is the i-th reading of a clip.
func (c *cameraState) reading(i int, of *model.Reading) detect.Reading {
	r := detect.Reading{Measure: c.measures[i], Error: of.Error, Raw: of.Error}
	if r.Measure != detect.Mean {
		r.Cells = of.Cells[:]
		if c.sensitivity[i] != nil {
			r.Error = c.sensitivity[i].ClipError(r.Cells)
		}
	}
	return r
}

func (c *cameraState) sensitivityOf(m detect.Measure) *calibrate.SensitivityMap {
	if m == c.measures[1] {
		return c.sensitivity[1]
	}
	return c.sensitivity[0]
}

func (c *cameraState) scoreMessage(clip detect.Clip) alerts.Score {
	s := alerts.Score{
		Camera: clip.Camera, Frame: clip.Centre.Frame, StreamSeconds: clip.Centre.PTS.Seconds(), Wall: clip.Centre.Wall,
		Error: clip.Error, ClipsSkipped: c.reader.box.skipped(c.reader.slot),
	}
	if c.camera.Threshold.set() && !clip.Held && clip.Untrusted == "" {
		regularity := clip.Regularity // not the clip itself, which would be copied to the heap
		s.Regularity, s.Cause = &regularity, string(clip.Cause)
	}
	s.Motion, s.Appearance = c.readings(&clip)
	return s
}

// readings are a clip's readings as messages have them.
func (c *cameraState) readings(clip *detect.Clip) (motion, appearance *alerts.Reading) {
	for _, r := range clip.Readings {
		out := &alerts.Reading{Error: r.Error}
		for _, s := range c.scales {
			if (s.Measure == r.Measure || s.Measure == "" && r.Measure == c.measures[0]) && !clip.Held &&
				clip.Untrusted == "" {
				v := detect.Regularity(r.Error, s.Lo, s.Theta)
				out.Regularity = &v
			}
		}
		switch r.Measure {
		case detect.Motion:
			motion = out
		case detect.Appearance:
			appearance = out
		}
	}
	return motion, appearance
}

// scaleOf is the scale of a measure that a clip was put on.
func (c *cameraState) scaleOf(m detect.Measure) detect.Scale {
	for _, s := range c.scales {
		if s.Measure == m || s.Measure == "" {
			return s
		}
	}
	return detect.Scale{}
}

// alert returns the content that all messages about an event share; clip is the latest one.
func (c *cameraState) alert(ep detect.Event, clip detect.Clip) alerts.Alert {
	scale := c.scaleOf(ep.Peak.Cause)
	a := c.about(clip.Width, clip.Height)
	a.Kind, a.Zones, a.Boxes, a.GapBefore = alerts.KindAnomaly, ep.Zones, ep.Peak.Boxes, ep.Start.Gap
	a.Start, a.Peak = moment(ep.Start.ScoredFrom), moment(ep.Peak.ScoredCentre)
	a.DurationSeconds = max(0, (ep.End.Last.PTS - ep.Start.ScoredFrom.PTS).Seconds())
	a.Measurement = &alerts.Measurement{
		Error: clip.Error, Regularity: clip.Regularity, PeakError: ep.Peak.Error,
		PeakRegularity: ep.Peak.Regularity,
		Lo:             scale.Lo, Threshold: scale.Theta, Severity: alerts.Severity(ep.Peak.Regularity),
		Cause: string(ep.Peak.Cause),
	}
	a.Motion, a.Appearance = c.readings(&clip)
	a.Latency = &alerts.Latency{
		CaptureMS: alerts.Milliseconds(clip.Capture), QueueMS: alerts.Milliseconds(clip.Queue),
		ScoreMS: alerts.Milliseconds(clip.Score),
	}
	return a
}

// about returns what all messages of the camera share; the source's pictures have this size.
func (c *cameraState) about(width, height int) alerts.Alert {
	m := c.reader.Model
	a := alerts.Alert{
		SchemaVersion: alerts.SchemaVersion, Camera: c.reader.Name,
		Model:  alerts.Model{Name: m.Name(), Version: m.Version(), Hash: m.Hash()},
		Source: alerts.Source{Width: width, Height: height},
	}
	if info := c.reader.stats.info.Load(); info != nil {
		a.Source.FPS = info.FPS
	}
	if cal := c.camera.Threshold.Calibration; cal != nil {
		a.CalibrationID = cal.ID
	}
	return a
}

func moment(m detect.Moment) alerts.Moment {
	return alerts.Moment{Wall: m.Wall, StreamSeconds: m.PTS.Seconds(), Frame: m.Frame}
}
