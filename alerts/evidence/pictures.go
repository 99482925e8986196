package evidence

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"time"

	"vigil/alerts"
	"vigil/alerts/thread"
)

// tickEvery is the interval of checks whether a clip of an open event is due.
const tickEvery = 500 * time.Millisecond

// quality of the JPEGs that are drawn here.
const quality = 85

// maxSide and maxArea bound the decoded pictures, which come from a camera's process.
const (
	maxSide = 16384
	maxArea = 64 << 20
)

// Digest returns the SHA-256 of data in hexadecimal.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// takePictures follows events: it takes their pictures at once and schedules their clips when due.
func (m *Maker) takePictures() {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	last := map[string]thread.Request{}
	for {
		select {
		case <-m.ctx.Done():
			return
		case s := <-m.queue:
			m.handle(s)
			m.add(-1)
			last[s.Alert.ID] = s
			if s.Alert.Phase == alerts.PhaseEnd {
				delete(last, s.Alert.ID)
			}
		case <-tick.C:
			for id, s := range last {
				if j := m.jobOf(id); j == nil {
					delete(last, id)
				} else if !j.clipDeadline.IsZero() && time.Now().After(j.clipDeadline) {
					m.scheduleClip(j, s, j.anchor.StreamSeconds+m.opts.MaxLength.Seconds())
				}
			}
		}
	}
}

func (m *Maker) jobOf(id string) *job {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.jobs[id]
}

// handle takes the pictures that a message requires and updates its job.
func (m *Maker) handle(s thread.Request) {
	a := s.Alert
	j := m.jobOf(a.ID)
	if j == nil {
		j = &job{
			camera: a.Camera, id: a.ID, anchor: a.Start,
			clipDeadline: time.Now().Add(m.opts.MaxLength - m.opts.Before),
		}
		m.mu.Lock()
		m.jobs[a.ID] = j
		m.mu.Unlock()
	}
	switch another := j.snapshotFrame == 0 || j.snapshotFrame != a.Peak.Frame; {
	case a.Kind == alerts.KindUntrusted && a.Phase != alerts.PhaseEnd && another:
		m.showBefore(j, s)
		m.takeSnapshot(j, s)
	case s.Heat != nil && another:
		m.makePictures(j, s)
	}
	switch {
	case a.Phase == alerts.PhaseEnd:
		m.end(j, s)
	case j.clipDeadline.IsZero() && a.Peak.Frame > j.coveredUntil && j.clipCount < maxClips:
		// A peak after the last clip gets a clip of its own.
		j.anchor, j.clipDeadline = a.Peak, time.Now().Add(m.opts.After)
	}
}

// end schedules what is not cut yet; afterwards only evidence in progress follows.
func (m *Maker) end(j *job, s thread.Request) {
	if !j.clipDeadline.IsZero() && s.Alert.End != nil {
		m.scheduleClip(j, s, s.Alert.End.StreamSeconds+m.opts.After.Seconds())
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	j.ended = true
	m.emit(j)
}

// makePictures takes the snapshot and draws the heat map over it.
func (m *Maker) makePictures(j *job, s thread.Request) {
	a := s.Alert
	snapshot, img, ok := m.still(s, alerts.EvidenceSnapshot, a.Peak.Frame)
	if !ok {
		return
	}
	j.snapshotFrame = a.Peak.Frame
	e := snapshot
	e.Bucket, e.Bytes, e.SHA256 = "", 0, ""
	e.Kind, e.Name = alerts.EvidenceHeatMap, fmt.Sprintf("%s/heatmap-%d.jpg", a.ID, a.Peak.Frame)
	var b bytes.Buffer
	var err error
	if err = jpeg.Encode(&b, Overlay(img, s.Heat, s.Side, a.Boxes), &jpeg.Options{Quality: quality}); err == nil {
		e, err = m.put(e, b.Bytes())
	}
	if err != nil {
		m.warn("heat map", a, err)
		m.addItems(j, snapshot)
		return
	}
	m.addItems(j, snapshot, e)
}

// still stores the camera's picture of a frame as a piece of evidence, and logs where it cannot.
func (m *Maker) still(s thread.Request, kind alerts.EvidenceKind, frame uint64) (alerts.Evidence, image.Image, bool) {
	ctx, cancel := context.WithTimeout(m.ctx, stillTimeout)
	defer cancel()
	e := alerts.Evidence{
		Kind: kind, MediaType: "image/jpeg", Name: fmt.Sprintf("%s/%s-%d.jpg", s.Alert.ID, kind, frame), Frame: frame,
	}
	shot, full, err := s.Media.Still(ctx, frame)
	if err != nil {
		m.warn(string(kind), s.Alert, err)
		return e, nil, false
	}
	img, err := decode(shot)
	if err == nil {
		e.Width, e.Height, e.Reduced = img.Bounds().Dx(), img.Bounds().Dy(), !full
		e, err = m.put(e, shot)
	}
	if err != nil {
		m.warn(string(kind), s.Alert, err)
		return e, nil, false
	}
	return e, img, true
}

// takeSnapshot stores what an untrusted camera shows.
func (m *Maker) takeSnapshot(j *job, s thread.Request) {
	if e, _, ok := m.still(s, alerts.EvidenceSnapshot, s.Alert.Peak.Frame); ok {
		j.snapshotFrame = e.Frame
		m.addItems(j, e)
	}
}

// showBefore stores what an untrusted camera showed before, or the view of the place that was learned.
func (m *Maker) showBefore(j *job, s thread.Request) {
	switch before := s.Before; {
	case before.View != nil:
		e := alerts.Evidence{
			Kind: alerts.EvidenceBefore, MediaType: "image/png", Name: s.Alert.ID + "/before.png",
			Width: s.Side, Height: s.Side, Frame: s.Alert.Start.Frame, Reduced: true,
		}
		e, err := m.put(e, before.View)
		if err != nil {
			m.warn(string(e.Kind), s.Alert, err)
			return
		}
		m.addItems(j, e)
	case before.Frame > 0:
		if e, _, ok := m.still(s, alerts.EvidenceBefore, before.Frame); ok {
			m.addItems(j, e)
		}
	}
}

// decode reads a JPEG within maxSide and maxArea.
func decode(data []byte) (image.Image, error) {
	head, err := jpeg.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("picture of %d bytes: %w", len(data), err)
	}
	if head.Width > maxSide || head.Height > maxSide || head.Width*head.Height > maxArea {
		return nil, errors.New("picture is too large")
	}
	return jpeg.Decode(bytes.NewReader(data))
}
