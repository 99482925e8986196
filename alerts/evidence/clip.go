package evidence

import (
	"bytes"
	"context"
	"fmt"
	"image/jpeg"
	"time"

	"vigil/alerts"
	"vigil/alerts/thread"
	"vigil/video"
)

// clipJob is the input of a clip.
type clipJob struct {
	job      *job
	alert    alerts.Alert
	pictures []video.Preview
	input    []video.ModelPicture // of the same period; may be empty
	objects  []alerts.PendingEvidence
}

// nameObjects chooses the object names under which the clip will be stored.
func (c *clipJob) nameObjects(bucket string) {
	if len(c.input) > 0 {
		c.objects = append(c.objects, alerts.PendingEvidence{
			Kind: alerts.EvidenceModelInput, Bucket: bucket, Name: fmt.Sprintf("%s/model-input-%d.mkv", c.alert.ID,
				c.input[0].Seq),
		})
	}
	c.objects = append(c.objects, alerts.PendingEvidence{
		Kind: alerts.EvidenceClip, Bucket: bucket, Name: fmt.Sprintf("%s/clip-%d.mp4", c.alert.ID, c.pictures[0].Seq),
	})
}

// clipFPS is the frame rate of a clip, that of previews.
const clipFPS = float64(time.Second) / float64(video.PreviewEvery)

// scheduleClip queues the previews around the event's anchor, up to a stream time, for the encoder.
func (m *Maker) scheduleClip(j *job, s thread.Request, until float64) {
	j.clipDeadline = time.Time{}
	j.clipCount++
	j.coveredUntil = max(j.coveredUntil, s.Alert.Peak.Frame)
	if m.opts.Encoder == nil {
		return
	}
	pics := selectWindow(s.Media.Previews(0, ^uint64(0)), j.anchor, m.opts.Before,
		min(until-j.anchor.StreamSeconds, (m.opts.MaxLength-m.opts.Before).Seconds()))
	if len(pics) < 2 {
		m.warn("clip", s.Alert, errNoPictures)
		m.addMissing(j, alerts.MissingNoPictures)
		return
	}
	last := pics[len(pics)-1].Seq
	j.coveredUntil = max(j.coveredUntil, last)
	next := clipJob{job: j, alert: s.Alert, pictures: pics, input: s.Media.ModelInput(pics[0].Seq, last)}
	next.nameObjects(m.opts.Bucket)
	m.mu.Lock()
	j.pending = append(j.pending, next.objects...)
	m.busy++
	m.mu.Unlock()
	select {
	case m.clips <- next:
	default:
		m.warn("clip", s.Alert, errOverloaded)
		m.addMissing(j, alerts.MissingOverloaded)
		m.mu.Lock()
		j.clipDone(next.objects)
		m.mu.Unlock()
		m.add(-1)
	}
}

// selectWindow returns the pictures from before the anchor's frame to after seconds behind it, in the pictures'
// timestamps: their stream time, which differs from that of events by a constant within one opening of a source. The
// window extends from the anchor as far as the timestamps are continuous and the size is constant.
func selectWindow(pics []video.Preview, anchor alerts.Moment, before time.Duration, after float64) []video.Preview {
	at := -1
	for i, p := range pics {
		if p.Seq <= anchor.Frame || at < 0 {
			at = i
		}
	}
	if at < 0 {
		return nil
	}
	zero, size := pics[at].PTS, pictureSize(pics[at].JPEG)
	first, last := at, at
	for first > 0 && pics[first-1].PTS < pics[first].PTS && zero-pics[first-1].PTS <= before &&
		pictureSize(pics[first-1].JPEG) == size {
		first--
	}
	for last+1 < len(pics) && pics[last+1].PTS > pics[last].PTS && (pics[last+1].PTS-zero).Seconds() <= after &&
		pictureSize(pics[last+1].JPEG) == size {
		last++
	}
	return pics[first : last+1]
}

func pictureSize(data []byte) [2]int {
	head, err := jpeg.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return [2]int{}
	}
	return [2]int{head.Width, head.Height}
}

// resampleConstantRate repeats and drops pictures for a constant frame rate: each frame of the clip shows the latest
// picture of its time, so that gaps of the camera keep their duration.
func resampleConstantRate(pics []video.Preview) [][]byte {
	start, end := pics[0].PTS, pics[len(pics)-1].PTS
	n := int((end-start).Seconds()*clipFPS+0.5) + 1
	out := make([][]byte, 0, n)
	for i, j := 0, 0; i < n; i++ {
		t := start + time.Duration(float64(i)/clipFPS*float64(time.Second))
		for j+1 < len(pics) && pics[j+1].PTS <= t+video.PreviewEvery/2 {
			j++
		}
		out = append(out, pics[j].JPEG)
	}
	return out
}

// makeClips encodes one clip at a time.
func (m *Maker) makeClips() {
	for {
		select {
		case <-m.ctx.Done():
			return
		case c := <-m.clips:
			items, err := m.encode(c)
			if err != nil {
				m.warn("clip", c.alert, err)
				m.addMissing(c.job, alerts.MissingFailed)
			}
			if late := m.onClipDone(c, items); late && m.opts.AfterEnd != nil {
				for _, e := range items {
					m.opts.AfterEnd(m.ctx, e)
				}
			}
			m.add(-1)
		}
	}
}

// onClipDone records that a clip is finished or has failed, and reports whether that is late: after the end of its
// event was handled. Removing the clip from the pending ones and adding it to the items happens under one lock, since
// an end in between would be final and lack the clip.
func (m *Maker) onClipDone(c clipJob, items []alerts.Evidence) (late bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c.job.clipDone(c.objects)
	for _, e := range items {
		c.job.items = replace(c.job.items, e)
	}
	m.emit(c.job)
	return len(items) > 0 && c.job.ended
}

// encode makes the objects of a clip, the model's input first. With an error it returns those made before.
func (m *Maker) encode(c clipJob) (items []alerts.Evidence, err error) {
	ctx, cancel := context.WithTimeout(m.ctx, encodeTimeout)
	defer cancel()
	for _, object := range c.objects {
		var e alerts.Evidence
		var data []byte
		if object.Kind == alerts.EvidenceModelInput {
			e, data, err = modelInput(c.input)
		} else {
			e, data, err = m.video(ctx, c.pictures)
		}
		if err == nil {
			e.Kind, e.Name = object.Kind, object.Name
			e, err = m.put(e, data)
		}
		if err != nil {
			return items, err
		}
		items = append(items, e)
	}
	return items, nil
}

// video encodes the clip for people.
func (m *Maker) video(ctx context.Context, previews []video.Preview) (alerts.Evidence, []byte, error) {
	pictures := resampleConstantRate(previews)
	data, err := m.opts.Encoder.Encode(ctx, pictures, clipFPS)
	size := pictureSize(pictures[0])
	return alerts.Evidence{
		MediaType: "video/mp4", Width: even(size[0]), Height: even(size[1]), Frame: previews[0].Seq,
		Seconds: float64(len(pictures)) / clipFPS, Reduced: true,
	}, data, err
}

// even is the largest even number that is not above n, since the encoder requires even sides.
func even(n int) int { return n &^ 1 }
