package evidence

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/alerts/thread"
	"vigil/geometry"
	"vigil/internal/alerttest"
	"vigil/video"
)

var testJPEGs sync.Map // of the drawn pictures

// testJPEG is a real JPEG, grey with a bright square at a position that depends on n.
func testJPEG(t testing.TB, w, h, n int) []byte {
	t.Helper()
	key := [3]int{w, h, n}
	if p, ok := testJPEGs.Load(key); ok {
		return p.([]byte)
	}
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.RGBA{90, 90, 90, 255}
			if dx := x - 5*n%w; dx >= 0 && dx < 40 && y > h/2 && y < h/2+40 {
				c = color.RGBA{240, 240, 200, 255}
			}
			img.SetRGBA(x, y, c)
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	testJPEGs.Store(key, b.Bytes())
	return b.Bytes()
}

// testMedia is a media buffer: a preview for each fifth frame of 25 a second, and one picture of full size.
type testMedia struct {
	pics  []video.Preview
	full  []byte
	input []video.ModelPicture
}

func (r *testMedia) ModelInput(from, to uint64) []video.ModelPicture {
	var out []video.ModelPicture
	for _, p := range r.input {
		if p.Seq >= from && p.Seq <= to {
			out = append(out, p)
		}
	}
	return out
}

func (r *testMedia) Previews(from, to uint64) []video.Preview {
	var out []video.Preview
	for _, p := range r.pics {
		if p.Seq >= from && p.Seq <= to {
			out = append(out, p)
		}
	}
	return out
}

func (r *testMedia) Still(context.Context, uint64) ([]byte, bool, error) {
	switch {
	case r.full != nil:
		return r.full, true, nil
	case len(r.pics) > 0:
		return r.pics[0].JPEG, false, nil
	}
	return nil, false, errors.New("no picture of this time is kept")
}

func newTestMedia(t testing.TB, seconds int) *testMedia {
	t.Helper()
	r := &testMedia{full: testJPEG(t, 1280, 721, 0)}
	at := time.Now().Add(-time.Duration(seconds) * time.Second)
	for i := range 5 * seconds {
		pts := time.Duration(i) * video.PreviewEvery
		r.pics = append(r.pics, video.Preview{
			Seq: uint64(5 * i), PTS: pts, Arrival: at.Add(pts),
			JPEG: testJPEG(t, 641, 361, i),
		})
	}
	return r
}

// memoryStore is a store in memory.
type memoryStore struct {
	mu   sync.Mutex
	objs map[string][]byte
	err  error
}

func (c *memoryStore) Bucket() string { return "B" }

func (c *memoryStore) Put(_ context.Context, name, _ string, data []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	if c.objs == nil {
		c.objs = map[string][]byte{}
	}
	c.objs[name] = data
	return nil
}

// countingEncoder is an encoder that only counts.
type countingEncoder struct {
	mu     sync.Mutex
	busy   int
	most   int
	clips  [][][]byte
	rate   float64
	hold   chan struct{} // if set, each clip waits for one value
	failed error
}

func (p *countingEncoder) Encode(ctx context.Context, pictures [][]byte, fps float64) ([]byte, error) {
	p.mu.Lock()
	p.busy++
	p.most = max(p.most, p.busy)
	p.clips, p.rate = append(p.clips, pictures), fps
	p.mu.Unlock()
	defer func() { p.mu.Lock(); p.busy--; p.mu.Unlock() }()
	if p.hold != nil {
		select {
		case <-p.hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return []byte("a clip"), p.failed
}

// event is a message of an event that starts at second 10 of the reel, peaks at 12 and ends at 16.
func event(id string, phase alerts.Phase) alerts.Alert {
	at := func(s float64) alerts.Moment {
		return alerts.Moment{Wall: time.Now(), StreamSeconds: s, Frame: uint64(25 * s)}
	}
	a := alerts.Alert{
		ID: id, Phase: phase, Kind: alerts.KindAnomaly, Camera: "yard", Start: at(10), Peak: at(12),
		Boxes: []geometry.Box{{X: 0.25, Y: 0.5, W: 0.25, H: 0.25}},
	}
	if phase == alerts.PhaseEnd {
		end := at(16)
		a.End = &end
	}
	return a
}

func heat(side int) []float32 {
	h := make([]float32, side*side)
	h[side*side/2+side/4] = 1
	return h
}

func startMaker(t *testing.T, o Options) *Maker {
	t.Helper()
	if o.MaxLength == 0 {
		o.Before, o.After, o.MaxLength = 5*time.Second, 3*time.Second, 20*time.Second
	}
	m := NewMaker(o)
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func nextResult(t *testing.T, m *Maker) thread.Result {
	t.Helper()
	select {
	case f := <-m.Results():
		return f
	case <-alerttest.Within(t).Done():
		t.Fatal("nothing was found")
		return thread.Result{}
	}
}

func describeItems(items []alerts.Evidence) string {
	var all []string
	for _, e := range items {
		all = append(all, fmt.Sprintf("%s %dx%d at %d", e.Kind, e.Width, e.Height, e.Frame))
	}
	return strings.Join(all, ", ")
}

func TestEventEvidence(t *testing.T) {
	store, enc := &memoryStore{}, &countingEncoder{hold: make(chan struct{})}
	m := startMaker(t, Options{Store: store, Encoder: enc})
	r, id := newTestMedia(t, 18), alerts.NewID()
	m.Submit(thread.Request{Alert: event(id, alerts.PhaseStart), Heat: heat(32), Side: 32, Media: r})
	f := nextResult(t, m)
	if got := describeItems(f.Items); got != "snapshot 1280x721 at 300, heatmap 1280x721 at 300" || f.Last ||
		f.AlertID != id ||
		f.Camera != "yard" {
		t.Errorf("found %s: %+v", got, f)
	}
	if !m.Submit(thread.Request{Alert: event(id, alerts.PhaseEnd), Media: r}) {
		t.Error("nothing is promised of the end")
	}
	if f = nextResult(t, m); len(f.Items) != 2 || len(f.Pending) != 1 || f.Last {
		t.Errorf("while the clip is made, found %+v", f)
	}
	enc.hold <- struct{}{}
	f = nextResult(t, m)
	if got := describeItems(f.Items); !strings.HasSuffix(got, "clip 640x360 at 125") || !f.Last || len(f.Items) != 3 {
		t.Errorf("found %s: %+v", got, f)
	}
	// From 5 s before second 10 to the last picture, which is less than 3 s after second 16.
	if n := len(enc.clips[0]); n != 65 || enc.rate != 5 || f.Items[2].Seconds != 13 {
		t.Errorf("a clip of %d pictures at %g a second, %g s", n, enc.rate, f.Items[2].Seconds)
	}
	for _, e := range f.Items {
		data := store.objs[e.Name]
		if e.Bytes != int64(len(data)) || e.SHA256 != Digest(data) || !strings.HasPrefix(e.Name, id+"/") ||
			e.Bucket != "B" {
			t.Errorf("%+v, stored are %d bytes", e, len(data))
		}
	}
	if !bytes.Equal(store.objs[f.Items[0].Name], r.full) {
		t.Error("the snapshot is not the camera's own picture")
	}
	img, err := jpeg.Decode(bytes.NewReader(store.objs[f.Items[1].Name]))
	if err != nil {
		t.Fatal(err)
	}
	red, green, _, _ := img.At(1280/4+20, 721/2+11).RGBA()
	if red < 2*green {
		t.Errorf("the hottest spot is not red: %d, %d", red>>8, green>>8)
	}
}

// An untrusted camera shows what it saw before and what it shows, and again when the reason changes.
func TestUntrustedEvidence(t *testing.T) {
	store := &memoryStore{}
	m := startMaker(t, Options{Store: store})
	r := newTestMedia(t, 18)
	for _, c := range []struct {
		before     thread.Before
		first, kin string
	}{
		{thread.Before{Frame: 200}, "before 1280x721 at 200", "image/jpeg"},
		{thread.Before{View: []byte("a picture")}, "before 32x32 at 250", "image/png"},
	} {
		a := event(alerts.NewID(), alerts.PhaseStart)
		a.Kind, a.Reason = alerts.KindUntrusted, "covered"
		m.Submit(thread.Request{Alert: a, Side: 32, Media: r, Before: c.before})
		f := nextResult(t, m)
		if len(f.Items) == 1 {
			f = nextResult(t, m)
		}
		if got := describeItems(f.Items); got != c.first+", snapshot 1280x721 at 300" ||
			f.Items[0].MediaType != c.kin {
			t.Errorf("found %s of %s", got, f.Items[0].MediaType)
		}
		a.Phase, a.Reason, a.Peak.Frame = alerts.PhaseUpdate, "moved", 350
		m.Submit(thread.Request{Alert: a, Side: 32, Media: r})
		f = nextResult(t, m)
		if got := describeItems(f.Items); got != c.first+", snapshot 1280x721 at 350" {
			t.Errorf("after another reason found %s", got)
		}
	}
}

// A clip that becomes ready exactly at the end of its event is in the last Result.
func TestClipReadyAtEnd(t *testing.T) {
	enc := &countingEncoder{hold: make(chan struct{})}
	m := startMaker(t, Options{Store: &memoryStore{}, Encoder: enc})
	r := newTestMedia(t, 18)
	for range 50 {
		id := alerts.NewID()
		c := &job{camera: "yard", id: id, anchor: event(id, alerts.PhaseStart).Start}
		m.scheduleClip(c, thread.Request{Alert: event(id, alerts.PhaseStart), Media: r}, 16)
		enc.hold <- struct{}{}
		m.end(c, thread.Request{Alert: event(id, alerts.PhaseEnd), Media: r})
		f := nextResult(t, m)
		for !f.Last {
			f = nextResult(t, m)
		}
		if got := describeItems(f.Items); got != "clip 640x360 at 125" || f.AlertID != id {
			t.Fatalf("at last found %q of %s, want a clip of %s", got, f.AlertID, id)
		}
	}
}

func TestFailedEvidenceDelaysNothing(t *testing.T) {
	for name, c := range map[string]struct {
		reel    *testMedia
		store   *memoryStore
		encoder Encoder
		want    string
		stats   Stats
	}{
		"no picture": {
			&testMedia{}, &memoryStore{}, &countingEncoder{}, "",
			Stats{Lost: map[Loss]uint64{LostNoPictures: 1, LostFailed: 1}},
		},
		"no store": {
			newTestMedia(t, 18), &memoryStore{err: errors.New("full")}, &countingEncoder{}, "",
			Stats{Lost: map[Loss]uint64{LostFailed: 2}},
		},
		"no encoder": {
			newTestMedia(t, 18), &memoryStore{}, nil, "snapshot 1280x721 at 300, heatmap 1280x721 at 300",
			Stats{Stored: 2},
		},
		"encoder fails": {
			newTestMedia(t, 18), &memoryStore{}, &countingEncoder{failed: errors.New("broken")},
			"snapshot 1280x721 at 300, heatmap 1280x721 at 300",
			Stats{Stored: 2, Lost: map[Loss]uint64{LostFailed: 1}},
		},
		"not a picture": {
			&testMedia{full: []byte("junk")}, &memoryStore{}, &countingEncoder{}, "",
			Stats{Lost: map[Loss]uint64{LostNoPictures: 1, LostFailed: 1}},
		},
		"preview at all": {
			&testMedia{pics: newTestMedia(t, 1).pics[:1]}, &memoryStore{}, &countingEncoder{},
			"snapshot 641x361 at 300, heatmap 641x361 at 300",
			Stats{Stored: 2, Lost: map[Loss]uint64{LostNoPictures: 1}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := startMaker(t, Options{Store: c.store, Encoder: c.encoder})
			id := alerts.NewID()
			m.Submit(thread.Request{Alert: event(id, alerts.PhaseStart), Heat: heat(32), Side: 32, Media: c.reel})
			m.Submit(thread.Request{Alert: event(id, alerts.PhaseEnd), Media: c.reel})
			f := nextResult(t, m)
			for !f.Last {
				f = nextResult(t, m)
			}
			if got := describeItems(f.Items); got != c.want {
				t.Errorf("found %q, want %q", got, c.want)
			}
			missing := len(f.Missing) == 1 && f.Missing[0].Kind == alerts.EvidenceClip
			if missing != (c.encoder != nil && !strings.Contains(c.want, "clip")) {
				t.Errorf("found %q, reported missing is %v", c.want, f.Missing)
			}
			if got, want := m.Stats(), c.stats; got.Stored != want.Stored || !maps.Equal(nonZero(got.Lost), want.Lost) {
				t.Errorf("counted %+v, want %+v", got, want)
			}
		})
	}
}

// nonZero leaves out what is 0.
func nonZero(lost map[Loss]uint64) map[Loss]uint64 {
	maps.DeleteFunc(lost, func(_ Loss, n uint64) bool { return n == 0 })
	return lost
}

// One clip at a time, and events that wait for their clips do not delay the pictures of others.
func TestOneClipAtATime(t *testing.T) {
	enc := &countingEncoder{hold: make(chan struct{})}
	m := startMaker(t, Options{Store: &memoryStore{}, Encoder: enc})
	r := newTestMedia(t, 18)
	const events = 4
	for range events {
		id := alerts.NewID()
		m.Submit(thread.Request{Alert: event(id, alerts.PhaseStart), Heat: heat(32), Side: 32, Media: r})
		m.Submit(thread.Request{Alert: event(id, alerts.PhaseEnd), Media: r})
	}
	for range events {
		if f := nextResult(t, m); f.Last || len(f.Items) != 2 {
			t.Errorf("found %+v", f)
		}
		// The end lists its pending clip by its future name.
		if f := nextResult(t, m); f.Last || len(f.Items) != 2 || len(f.Pending) != 1 ||
			f.Pending[0].Name != f.AlertID+"/clip-125.mp4" || f.Pending[0].Bucket != "B" {
			t.Errorf("found %+v", f)
		}
	}
	for range events {
		enc.hold <- struct{}{}
		if f := nextResult(t, m); !f.Last || f.Pending != nil || len(f.Items) != 3 {
			t.Errorf("found %+v", f)
		}
	}
	if enc.most != 1 {
		t.Errorf("%d clips were made at once", enc.most)
	}
}

// A long event has a clip of its beginning, and one of a later peak.
func TestLongEventClips(t *testing.T) {
	enc := &countingEncoder{}
	m := startMaker(t, Options{
		Store: &memoryStore{}, Encoder: enc, Before: 2 * time.Second, After: time.Second,
		MaxLength: 3 * time.Second,
	})
	r, id := newTestMedia(t, 60), alerts.NewID()
	m.Submit(thread.Request{Alert: event(id, alerts.PhaseStart), Heat: heat(32), Side: 32, Media: r})
	nextResult(t, m)
	if f := nextResult(t, m); f.Last || len(f.Items) != 3 || f.Items[2].Frame != 200 {
		t.Fatalf("found %s", describeItems(f.Items))
	}
	rise := event(id, alerts.PhaseUpdate)
	rise.Peak = alerts.Moment{Wall: time.Now(), StreamSeconds: 40, Frame: 1000}
	m.Submit(thread.Request{Alert: rise, Heat: heat(32), Side: 32, Media: r})
	if f := nextResult(t, m); len(f.Items) != 3 || f.Items[0].Frame != 1000 {
		t.Fatalf("found %s", describeItems(f.Items))
	}
	end := event(id, alerts.PhaseEnd)
	end.Peak, end.End.StreamSeconds, end.End.Frame = rise.Peak, 55, 1375
	m.Submit(thread.Request{Alert: end, Media: r})
	f := nextResult(t, m)
	for !f.Last {
		f = nextResult(t, m)
	}
	want := "snapshot 1280x721 at 1000, heatmap 1280x721 at 1000, clip 640x360 at 200, clip 640x360 at 950"
	if got := describeItems(f.Items); got != want {
		t.Errorf("found %s, want %s", got, want)
	}
}

// A clip does not extend across a reopened source, and keeps the timing of one with gaps.
func TestClipTiming(t *testing.T) {
	pics := newTestMedia(t, 20).pics
	for i := range 10 {
		pics[i].PTS += time.Hour // of a previous opening
	}
	got := selectWindow(pics, alerts.Moment{Frame: 75}, 10*time.Second, 1)
	if len(got) != 11 || got[0].Seq != 50 {
		t.Errorf("%d pictures from frame %d on", len(got), got[0].Seq)
	}
	irregular := []video.Preview{
		{PTS: 0, JPEG: []byte("a")},
		{PTS: 200 * time.Millisecond, JPEG: []byte("b")},
		{PTS: 1210 * time.Millisecond, JPEG: []byte("c")},
	}
	var film []string
	for _, p := range resampleConstantRate(irregular) {
		film = append(film, string(p))
	}
	if s := strings.Join(film, ""); s != "abbbbbc" {
		t.Errorf("film %q", s)
	}
}
