package metrics

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"vigil/alerts"
	"vigil/pipeline/detect"
)

// clipFamilies are observed with each scored clip.
var clipFamilies = []Family{
	{
		"vigil_clip_capture_seconds", "Time from the arrival of a clip's last frame to the complete clip.", Histogram,
		camera,
	},
	{"vigil_clip_queue_seconds", "Time that a clip waited for the model.", Histogram, camera},
	{"vigil_clip_score_seconds", "Time that the model took for a clip.", Histogram, camera},
	{
		"vigil_clip_regularity", "Regularity of the scored clips: 1 is normal, 0.5 is the threshold.", Histogram,
		camera,
	},
	{"vigil_camera_regularity", "Regularity of the latest clip; left out while there is none.", Gauge, camera},
	{
		"vigil_camera_error", "Error of the latest clip, by the measure that is nearest to its threshold.", Gauge,
		camera,
	},
}

// alertFamilies are observed with each message of an alert.
var alertFamilies = []Family{
	{
		"vigil_alert_publish_seconds", "Time from an event's message to the beginning of its storing.", Histogram,
		camera,
	},
	{
		"vigil_sink_delivery_seconds", "Time from the storing of a message to its acknowledgement by a sink.",
		Histogram,
		[]string{"sink"},
	},
}

// lostMessages counts what could not be stored.
var lostMessages = Family{
	"vigil_alert_messages_lost_total",
	"Messages of alerts that could not be stored before the program stopped; without a " +
		"camera those of cameras that have left.",
	Counter,
	camera,
}

var camera = []string{"camera"}

var (
	// latencyBuckets are upper bounds in seconds: a clip takes milliseconds to seconds, a delivery up to hours.
	latencyBuckets  = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	deliveryBuckets = []float64{.001, .005, .01, .05, .1, .5, 1, 5, 10, 60, 300, 1800, 3600, 6 * 3600, 24 * 3600}
	// regularityBuckets are upper bounds of regularity, which is from 0 to 1.
	regularityBuckets = []float64{.1, .2, .3, .4, .5, .6, .7, .8, .9, 1}
)

// clips are the histograms and gauges of scored clips and of alerts.
type clips struct {
	capture, queue, score, regularity, publish, delivery *prometheus.HistogramVec
	last, lastError, lost                                *prometheus.Desc

	mu      sync.RWMutex
	cameras map[string]*series
	// lostBefore counts the lost messages of cameras that have left.
	lostBefore uint64
}

// series are those of one camera.
type series struct {
	capture, queue, score, regularity, publish prometheus.Observer
	lastRegularity, lastError                  atomic.Uint64 // bits of a float64
	clips                                      atomic.Bool   // there was one
	lost                                       atomic.Uint64
}

func newClips() *clips {
	vec := func(f Family, buckets []float64) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: f.Name, Help: f.Help, Buckets: buckets},
			f.Labels)
	}
	return &clips{
		capture: vec(clipFamilies[0], latencyBuckets), queue: vec(clipFamilies[1], latencyBuckets),
		score: vec(clipFamilies[2], latencyBuckets), regularity: vec(clipFamilies[3], regularityBuckets),
		publish: vec(alertFamilies[0], latencyBuckets), delivery: vec(alertFamilies[1], deliveryBuckets),
		last: clipFamilies[4].desc(), lastError: clipFamilies[5].desc(), lost: lostMessages.desc(),
		cameras: map[string]*series{},
	}
}

// of returns a camera's series, which it makes if there are none.
func (c *clips) of(camera string) *series {
	c.mu.RLock()
	s := c.cameras[camera]
	c.mu.RUnlock()
	if s != nil {
		return s
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.cameras[camera]; s != nil {
		return s
	}
	s = &series{
		capture: c.capture.WithLabelValues(camera), queue: c.queue.WithLabelValues(camera),
		score: c.score.WithLabelValues(camera), regularity: c.regularity.WithLabelValues(camera),
		publish: c.publish.WithLabelValues(camera),
	}
	c.cameras[camera] = s
	return s
}

// keep deletes the series of cameras that have left, and the latest values of those that are not scored. A camera's end
// may be lost after the camera has left, so lost messages stay counted.
func (c *clips) keep(there map[string]alerts.State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for camera, s := range c.cameras {
		state, ok := there[camera]
		if !scored(state) {
			s.clips.Store(false)
		}
		if !ok {
			c.lostBefore += s.lost.Load()
			delete(c.cameras, camera)
			for _, vec := range c.vecs()[:5] {
				vec.DeleteLabelValues(camera)
			}
		}
	}
}

// scored reports whether a camera's clips are scored in a state, whatever becomes of its events.
func scored(s alerts.State) bool {
	switch s {
	case alerts.StateUncalibrated, alerts.StateSizeMismatch, alerts.StateRateMismatch:
		return true
	}
	return s.Watched()
}

// OnClip observes a scored clip. It is called by the scheduler and allocates nothing.
func (m *Metrics) OnClip(clip detect.Clip) {
	s := m.clips.of(clip.Camera)
	s.capture.Observe(clip.Capture.Seconds())
	s.queue.Observe(clip.Queue.Seconds())
	s.score.Observe(clip.Score.Seconds())
	regularity := clip.Regularity
	if clip.Held {
		regularity = math.NaN() // by a calibration that does not fit
	}
	if !math.IsNaN(regularity) {
		s.regularity.Observe(regularity)
	}
	s.lastRegularity.Store(math.Float64bits(regularity))
	s.lastError.Store(math.Float64bits(clip.Error))
	s.clips.Store(true)
}

// OnAlert observes a message of an event that was stored.
func (m *Metrics) OnAlert(a alerts.Alert) {
	if a.Latency != nil {
		m.clips.of(a.Camera).publish.Observe(a.Latency.PublishMS / 1000)
	}
}

// OnLost counts a message of an event that could not be stored.
func (m *Metrics) OnLost(a alerts.Alert) { m.clips.of(a.Camera).lost.Add(1) }

// OnDelivered observes a message that a sink acknowledged some time after it was stored.
func (m *Metrics) OnDelivered(sink string, after time.Duration) {
	m.clips.delivery.WithLabelValues(sink).Observe(max(0, after.Seconds()))
}

// vecs are the histograms, those by camera first.
func (c *clips) vecs() []*prometheus.HistogramVec {
	return []*prometheus.HistogramVec{c.capture, c.queue, c.score, c.regularity, c.publish, c.delivery}
}

func (c *clips) describe(ch chan<- *prometheus.Desc) {
	for _, vec := range c.vecs() {
		vec.Describe(ch)
	}
	ch <- c.last
	ch <- c.lastError
	ch <- c.lost
}

// collect sends the histograms, and the latest clip's values of each camera.
func (c *clips) collect(ch chan<- prometheus.Metric) {
	for _, vec := range c.vecs() {
		vec.Collect(ch)
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	ch <- prometheus.MustNewConstMetric(c.lost, prometheus.CounterValue, float64(c.lostBefore), "")
	for camera, s := range c.cameras {
		ch <- prometheus.MustNewConstMetric(c.lost, prometheus.CounterValue, float64(s.lost.Load()), camera)
		if !s.clips.Load() {
			continue
		}
		if v := math.Float64frombits(s.lastRegularity.Load()); !math.IsNaN(v) {
			ch <- prometheus.MustNewConstMetric(c.last, prometheus.GaugeValue, v, camera)
		}
		ch <- prometheus.MustNewConstMetric(c.lastError, prometheus.GaugeValue,
			math.Float64frombits(s.lastError.Load()), camera)
	}
}
