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
)

// tickEvery is how often it is looked whether a clip of an event that goes on is due.
const tickEvery = 500 * time.Millisecond

// quality of the JPEGs that are drawn here.
const quality = 85

// largestSide and largestArea bound the pictures that are decoded, which come from a camera's process.
const (
	largestSide = 16384
	largestArea = 64 << 20
)

// Digest is the SHA-256 of data, in hexadecimal.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// takePictures follows events: their pictures at once, their clips when the time has come.
func (m *Maker) takePictures() {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	last := map[string]Sighting{}
	for {
		select {
		case <-m.ctx.Done():
			return
		case s := <-m.queue:
			m.follow(s)
			m.add(-1)
			last[s.Alert.ID] = s
			if s.Alert.Phase == alerts.PhaseEnd {
				delete(last, s.Alert.ID)
			}
		case <-tick.C:
			for id, s := range last {
				if c := m.caseOf(id); c == nil {
					delete(last, id)
				} else if !c.due.IsZero() && time.Now().After(c.due) {
					m.cut(c, s, c.anchor.StreamSeconds+m.opts.Longest.Seconds())
				}
			}
		}
	}
}

func (m *Maker) caseOf(id string) *matter {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cases[id]
}

// follow does what a message of an event asks for.
func (m *Maker) follow(s Sighting) {
	a := s.Alert
	c := m.caseOf(a.ID)
	if c == nil {
		c = &matter{camera: a.Camera, id: a.ID, anchor: a.Start, due: time.Now().Add(m.opts.Longest - m.opts.Before)}
		m.mu.Lock()
		m.cases[a.ID] = c
		m.mu.Unlock()
	}
	if s.Heat != nil && (c.shot == 0 || c.shot != a.Peak.Frame) {
		m.picture(c, s)
	}
	switch {
	case a.Phase == alerts.PhaseEnd:
		m.end(c, s)
	case c.due.IsZero() && a.Peak.Frame > c.covered && c.cuts < mostClips:
		// A peak after the last clip: it deserves one of its own.
		c.anchor, c.due = a.Peak, time.Now().Add(m.opts.After)
	}
}

// end cuts what is not cut yet; nothing more will come of the event but what is being made.
func (m *Maker) end(c *matter, s Sighting) {
	if !c.due.IsZero() && s.Alert.End != nil {
		m.cut(c, s, s.Alert.End.StreamSeconds+m.opts.After.Seconds())
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c.over = true
	m.tell(c)
}

// picture takes the snapshot and draws the heat map over it.
func (m *Maker) picture(c *matter, s Sighting) {
	a := s.Alert
	ctx, cancel := context.WithTimeout(m.ctx, stillTime)
	defer cancel()
	shot, full, err := s.Footage.Still(ctx, a.Peak.Frame)
	if err != nil {
		m.warn("snapshot", a, err)
		return
	}
	img, err := decode(shot)
	if err != nil {
		m.warn("snapshot", a, err)
		return
	}
	e := alerts.Evidence{
		Kind: alerts.EvidenceSnapshot, MediaType: "image/jpeg", Name: fmt.Sprintf("%s/snapshot-%d.jpg", a.ID,
			a.Peak.Frame),
		Width: img.Bounds().Dx(), Height: img.Bounds().Dy(), Frame: a.Peak.Frame, Reduced: !full,
	}
	snapshot, err := m.put(e, shot)
	if err != nil {
		m.warn("snapshot", a, err)
		return
	}
	c.shot = a.Peak.Frame
	e.Kind, e.Name = alerts.EvidenceHeatMap, fmt.Sprintf("%s/heatmap-%d.jpg", a.ID, a.Peak.Frame)
	var b bytes.Buffer
	if err = jpeg.Encode(&b, Overlay(img, s.Heat, s.Side, a.Boxes), &jpeg.Options{Quality: quality}); err == nil {
		e, err = m.put(e, b.Bytes())
	}
	if err != nil {
		m.warn("heat map", a, err)
		m.found(c, snapshot)
		return
	}
	m.found(c, snapshot, e)
}

// decode reads a JPEG of a size that a camera may have.
func decode(data []byte) (image.Image, error) {
	head, err := jpeg.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("picture of %d bytes: %w", len(data), err)
	}
	if head.Width > largestSide || head.Height > largestSide || head.Width*head.Height > largestArea {
		return nil, errors.New("picture claims to be larger than any camera's")
	}
	return jpeg.Decode(bytes.NewReader(data))
}
