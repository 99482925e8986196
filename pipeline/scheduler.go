package pipeline

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"vigil/alerts"
	"vigil/alerts/thread"
	"vigil/model"
	"vigil/pipeline/calibrate"
	"vigil/pipeline/detect"
	"vigil/video"
)

// Scorer scores cuboids [16][S][S], in [-1, 1], at most MaxBatch at a time; ignore[i], [S][S], marks pixels that do not
// count in the score of clips[i], nil for none. Scores are valid until the next call.
type Scorer interface {
	Score(clips [][]float32, ignore [][]bool) ([]model.Score, []error)
	MaxBatch() int
}

// scheduler batches cuboids that share a model and turns their scores into events. It is one goroutine.
type scheduler struct {
	box     *mailbox
	cameras []*cameraState
	onClip  func(detect.Clip)
	publish *thread.Queue
	batch   []item      // scored together
	clips   [][]float32 // of the batch
	ignore  [][]bool
}

// cameraState is the scheduler's state of one camera.
type cameraState struct {
	w        *reader
	scorer   Scorer
	ignore   []bool
	detector *detect.Detector
	zones    detect.ZoneFinder
	places   *calibrate.SensitivityMap
	windows  bool      // the score is the maximum over windows
	event    string    // the ULID of the open event
	heat     []float32 // error map of the latest peak
	heatNew  bool      // no message has carried heat yet
	last     detect.Clip
	shadow   *detect.Detector // counts events while alerts are held; nil otherwise
	refused  refusals
}

// run processes items until the mailbox is closed. Once ctx is done, pending cuboids are dropped and open events are
// ended. A cuboid that cannot be scored is counted, and its camera goes on.
func (j *scheduler) run(ctx context.Context) {
	for {
		p, ok := j.box.take()
		if !ok {
			return
		}
		b := j.cameras[p.camera]
		if p.cuboid == nil {
			j.close(b, p.ending)
			continue
		}
		j.fillBatch(p)
		scoring := ctx.Err() == nil
		if scoring {
			j.score()
		}
		for _, p := range j.batch {
			if !scoring {
				j.cameras[p.camera].w.stats.dropped.Add(1)
			}
			j.box.release(p)
		}
	}
}

// fillBatch adds pending cuboids of other cameras with the same model to the batch.
func (j *scheduler) fillBatch(p item) {
	j.batch = append(j.batch[:0], p)
	scorer := j.cameras[p.camera].scorer
	for len(j.batch) < scorer.MaxBatch() {
		p, ok := j.box.tryTake(func(camera int) bool {
			return j.cameras[camera].scorer == scorer &&
				!slices.ContainsFunc(j.batch, func(q item) bool { return q.camera == camera })
		})
		if !ok {
			return
		}
		j.batch = append(j.batch, p)
	}
}

// close ends the camera's open event, if any, and resets its detector.
func (j *scheduler) close(b *cameraState, reason alerts.EndReason) {
	b.shadow = nil
	if change, ep := b.detector.Close(); change == detect.Ended {
		j.enqueue(b, ep, b.last, alerts.PhaseEnd, reason)
	}
}

// score scores the batch and handles its clips.
func (j *scheduler) score() {
	j.clips, j.ignore = j.clips[:0], j.ignore[:0]
	for _, p := range j.batch {
		j.clips, j.ignore = append(j.clips, p.cuboid.X), append(j.ignore, j.cameras[p.camera].ignore)
	}
	began := time.Now()
	scores, errs := j.cameras[j.batch[0].camera].scorer.Score(j.clips, j.ignore)
	took := time.Since(began)
	for i, p := range j.batch {
		b := j.cameras[p.camera]
		if errs[i] != nil {
			j.refuse(b, fmt.Errorf("score the clip at frame %d: %w", p.cuboid.Seq[0], errs[i]))
			continue
		}
		b.accept()
		clip := b.clip(p.cuboid, scores[i])
		clip.Held, clip.Queue, clip.Score = p.held, p.waited, took
		clip.Capture = max(0, p.put.Sub(p.cuboid.Arrival[video.CuboidFrames-1]))
		j.handleClip(b, clip)
	}
}

// handleClip publishes a scored clip and updates its camera's event.
func (j *scheduler) handleClip(b *cameraState, clip detect.Clip) {
	b.w.stats.scored.Add(1)
	if j.onClip != nil {
		j.onClip(clip)
	}
	j.publish.SendScore(b.scoreMessage(clip))
	errs := clip.Map
	clip.Map, clip.Cells = nil, nil
	b.last = clip
	if !b.w.Threshold.set() {
		return
	}
	if b.w.Armed != nil && !b.w.Armed(clip.Last.Wall) {
		j.close(b, alerts.EndDisarmed)
		return
	}
	if clip.Held {
		j.hold(b, clip)
		return
	}
	b.shadow = nil
	change, ep := b.detector.Push(clip)
	b.keepHeat(errs)
	switch change {
	case detect.Started:
		b.event = alerts.NewID()
		b.w.stats.events.Add(1)
		j.enqueue(b, ep, clip, alerts.PhaseStart, "")
	case detect.PeakRaised:
		j.enqueue(b, ep, clip, alerts.PhaseUpdate, "")
	case detect.PeakRising:
		if j.publish.Publishes() { // it takes the pictures now, and publishes the update when one is due
			j.enqueue(b, ep, clip, alerts.PhaseUpdate, "")
		}
	case detect.Ended:
		j.enqueue(b, ep, clip, alerts.PhaseEnd, alerts.EndCalm)
	}
}

// hold handles a clip that the calibration does not fit: an open event is ended, and events that would start are only
// counted.
func (j *scheduler) hold(b *cameraState, clip detect.Clip) {
	if b.shadow == nil {
		j.close(b, alerts.EndMismatch)
		b.shadow = detect.NewDetector(b.w.Detector, b.w.Threshold.Lo)
	}
	if change, _ := b.shadow.Push(clip); change == detect.Started {
		b.w.stats.held.Add(1)
	}
}

// enqueue queues the next message of the camera's event; the publisher numbers it.
func (j *scheduler) enqueue(b *cameraState, ep detect.Event, clip detect.Clip, phase alerts.Phase,
	reason alerts.EndReason,
) {
	a := b.alert(ep, clip)
	a.ID, a.Phase, a.EndReason = b.event, phase, reason
	if phase == alerts.PhaseEnd {
		end := moment(ep.End.Last)
		a.End = &end
	}
	w := thread.Message{
		Alert: a, Side: b.w.Model.Spec().Side, UpdateEvery: b.w.Detector.UpdateEvery,
		QueuedAt: time.Now(),
	}
	if b.w.Media != nil {
		w.Media = b.w.Media
	}
	if b.heatNew && b.w.Media != nil {
		w.Heat, b.heatNew = slices.Clone(b.heat), false
	}
	j.publish.Enqueue(w)
}

// keepHeat keeps the clip's error map if the clip is the peak of an event, or of a run that may become one.
func (b *cameraState) keepHeat(errs []float32) {
	if peak, ok := b.detector.Peak(); ok && peak == b.last.Centre.Frame && b.w.Media != nil {
		b.heat, b.heatNew = append(b.heat[:0], errs...), true
	}
}

// clip converts a scored cuboid to a Clip.
func (b *cameraState) clip(c *video.Cuboid, s model.Score) detect.Clip {
	at := func(i int) detect.Moment { return detect.Moment{Frame: c.Seq[i], PTS: c.PTS[i], Wall: c.Arrival[i]} }
	scored := b.w.Model.Spec().ScoredFrames()
	clip := detect.Clip{
		Camera: b.w.Name, First: at(0), Centre: at(detect.Centre), Last: at(video.CuboidFrames - 1),
		From: at(video.CuboidFrames - scored), Seen: at(video.CuboidFrames - (scored+1)/2),
		Error: s.Error, Raw: s.Error, Map: s.Map, Regularity: math.NaN(), Gap: c.Gap, Opening: c.Opening,
		Pictures: c.Pictures, FPS: c.FPS(), Width: c.Width, Height: c.Height,
	}
	if b.windows {
		clip.Cells = s.Cells[:]
		if b.places != nil {
			clip.Error = b.places.ClipError(clip.Cells)
		}
	}
	if t := b.w.Threshold; t.set() {
		clip.Regularity = detect.Regularity(clip.Error, t.Lo, t.Theta)
		if clip.Regularity <= b.w.Detector.Leave {
			clip.Boxes = detect.HotBoxes(b.places.Apply(s.Map, s.Side), s.Side)
			clip.Zones = b.zones.Overlapping(clip.Boxes)
		}
	}
	return clip
}

func (b *cameraState) scoreMessage(c detect.Clip) alerts.Score {
	s := alerts.Score{
		Camera: c.Camera, Frame: c.Centre.Frame, StreamSeconds: c.Centre.PTS.Seconds(), Wall: c.Centre.Wall,
		Error: c.Error, ClipsSkipped: b.w.box.skipped(b.w.index),
	}
	if b.w.Threshold.set() && !c.Held {
		s.Regularity = &c.Regularity
	}
	return s
}

// alert returns the content that all messages about an event share; clip is the latest one.
func (b *cameraState) alert(ep detect.Event, clip detect.Clip) alerts.Alert {
	t := b.w.Threshold
	a := alerts.Alert{
		SchemaVersion: alerts.SchemaVersion, Kind: alerts.KindAnomaly, Camera: b.w.Name,
		Zones: ep.Zones, Boxes: ep.Peak.Boxes, Start: moment(ep.Start.From), Peak: moment(ep.Peak.Seen),
		DurationSeconds: max(0, (ep.End.Last.PTS - ep.Start.From.PTS).Seconds()),
		Measurement: &alerts.Measurement{
			Error: clip.Error, Regularity: clip.Regularity, PeakError: ep.Peak.Error,
			PeakRegularity: ep.Peak.Regularity,
			Lo:             t.Lo, Threshold: t.Theta, Severity: alerts.Severity(ep.Peak.Regularity),
		},
		Model:     alerts.Model{Name: b.w.Model.Name(), Version: b.w.Model.Version(), Hash: b.w.Model.Hash()},
		Source:    alerts.Source{Width: clip.Width, Height: clip.Height},
		GapBefore: ep.Start.Gap,
		Latency: &alerts.Latency{
			CaptureMS: alerts.Milliseconds(clip.Capture), QueueMS: alerts.Milliseconds(clip.Queue),
			ScoreMS: alerts.Milliseconds(clip.Score),
		},
	}
	if info := b.w.stats.info.Load(); info != nil {
		a.Source.FPS = info.FPS
	}
	if t.Calibration != nil {
		a.CalibrationID = t.Calibration.ID
	}
	return a
}

func moment(m detect.Moment) alerts.Moment {
	return alerts.Moment{Wall: m.Wall, StreamSeconds: m.PTS.Seconds(), Frame: m.Frame}
}
