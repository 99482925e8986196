package pipeline

import (
	"context"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vigil/alerts"
	"vigil/alerts/thread"
	"vigil/geometry"
	"vigil/model"
	"vigil/pipeline/calibrate"
	"vigil/pipeline/detect"
	"vigil/video"
)

// blind returns a MemAE whose weights are all zero: it reconstructs every clip as mid-grey, so the error of a picture
// is its distance from mid-grey and each score is known beforehand.
func blind(t testing.TB) *model.Model {
	t.Helper()
	return blindOf(t, 0)
}

// blindOf is blind with a score of only the last frames of a clip.
func blindOf(t testing.TB, last int) *model.Model {
	t.Helper()
	spec, err := model.FindPreset("micro")
	if err != nil {
		t.Fatal(err)
	}
	spec.Last = last
	w, err := model.NewWeights(spec)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.New(w)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

const (
	calmGrey   = 128 // error 0.004
	brightGrey = 255 // error 1
)

// film is a stream of flat pictures, ten a second; it ends with err.
type film struct {
	greys    []byte
	err      error
	live     bool
	firstSeq uint64
	opening  int
	at       int
	restart  int           // frame at which the stream's clock restarts; 0 for never
	deaf     time.Duration // how long a read continues after its context is done
	jump     time.Duration // change of the system clock at frame jumpAt
	jumpAt   int
}

func (f *film) Info() video.Info {
	return video.Info{Width: 32, Height: 24, FPS: 10, Frames: len(f.greys), Live: f.live}
}

func (f *film) Read(ctx context.Context, frame *video.Frame) error {
	if f.live {
		time.Sleep(100 * time.Millisecond)
	}
	if err := ctx.Err(); err != nil {
		time.Sleep(f.deaf)
		return err
	}
	if f.at == len(f.greys) {
		return f.err
	}
	*frame = video.Frame{
		Seq: f.firstSeq + uint64(f.at), PTS: time.Duration(f.at) * 100 * time.Millisecond, Arrival: time.Now(),
		Opening: f.opening, Width: 32, Height: 24, Channels: 1, Pix: make([]byte, 32*24),
	}
	if f.restart > 0 && f.at >= f.restart {
		frame.PTS = time.Duration(f.at-f.restart) * 100 * time.Millisecond
	}
	if f.jump != 0 && f.at >= f.jumpAt {
		frame.Arrival = time.Now().Round(0).Add(f.jump)
	}
	// Only the left half shows anything, so that a test can check the boxes.
	for y := range 24 {
		for x := range 16 {
			frame.Pix[y*32+x] = f.greys[f.at]
		}
		for x := 16; x < 32; x++ {
			frame.Pix[y*32+x] = calmGrey
		}
	}
	f.at++
	return nil
}

func (f *film) Close() error { return nil }

// shrink prepares a grey frame without OpenCV: each pixel of the small picture is one of the large one.
type shrink struct{ side int }

func (s shrink) Prepare(f *video.Frame) (video.Picture, error) {
	gray := make([]byte, s.side*s.side)
	for y := range s.side {
		for x := range s.side {
			gray[y*s.side+x] = f.Pix[y*f.Height/s.side*f.Width+x*f.Width/s.side]
		}
	}
	return video.Picture{
		Seq: f.Seq, PTS: f.PTS, Arrival: f.Arrival, Opening: f.Opening, Width: f.Width, Height: f.Height, Side: s.side,
		Gray: gray,
	}, nil
}

func (shrink) Close() error { return nil }

// camera plays one film for each opening, and repeats the last one.
func camera(t *testing.T, name string, films ...film) Camera {
	m := blind(t)
	return Camera{
		Name: name, Model: m, Lossless: true, Hop: 1, Threshold: Threshold{Lo: 0.01, Theta: 0.1},
		Detector: detect.Config{Enter: 0.5, Leave: 0.6, OpenAfter: 500 * time.Millisecond, CloseAfter: time.Second},
		RetryMin: time.Second, RetryMax: time.Minute,
		NewPreparer: func() (Preparer, error) { return shrink{m.Spec().Side}, nil },
		Open: func(_ context.Context, firstSeq uint64, opening int) (Stream, error) {
			f := films[min(opening, len(films))-1]
			f.firstSeq, f.opening = firstSeq, opening
			return &f, nil
		},
	}
}

// scene has before calm frames, bright bright ones, and after calm ones.
func scene(before, bright, after int) []byte {
	return slices.Concat(slices.Repeat([]byte{calmGrey}, before), slices.Repeat([]byte{brightGrey}, bright),
		slices.Repeat([]byte{calmGrey}, after))
}

// ledger is a publisher that accepts and records everything.
type ledger struct {
	mu     sync.Mutex
	alerts []alerts.Alert
	scores []alerts.Score
	states []alerts.Status
	refuse bool
}

func (l *ledger) Publish(ctx context.Context, a alerts.Alert) error {
	if l.refuse {
		<-ctx.Done()
		return ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.alerts = append(l.alerts, a)
	return nil
}

func (l *ledger) PublishScore(s alerts.Score) error {
	l.scores = append(l.scores, s)
	return nil
}

func (l *ledger) PublishStatus(s alerts.Status) error {
	l.states = append(l.states, s)
	return nil
}

// life checks that each event of the ledger starts once, ends once and numbers its messages without gaps, and that
// every message can be encoded. It returns phases and reasons in order, as "start end:calm".
func (l *ledger) life(t *testing.T) string {
	t.Helper()
	next := map[string]int{}
	var said []string
	for _, a := range l.alerts {
		if a.Seq != next[a.ID] || (a.Seq == 0) != (a.Phase == alerts.PhaseStart) {
			t.Errorf("message %s is a %s, want number %d of its event", a.MessageID(), a.Phase, next[a.ID])
		}
		next[a.ID]++
		if a.Phase == alerts.PhaseEnd {
			next[a.ID] = -1
		}
		if _, err := alerts.Encode(a); err != nil {
			t.Error(err)
		}
		word := string(a.Phase)
		if a.EndReason != "" {
			word += ":" + string(a.EndReason)
		}
		said = append(said, word)
	}
	for id, n := range next {
		if n != -1 {
			t.Errorf("event %s has no end", id)
		}
	}
	return strings.Join(said, " ")
}

func TestRunMakesAnEvent(t *testing.T) {
	var l ledger
	cam := camera(t, "gate", film{greys: scene(60, 40, 60), err: io.EOF})
	cam.Zones = []detect.Zone{
		{Name: "left", Area: geometry.Polygon{{X: 0, Y: 0}, {X: 0.4, Y: 0}, {X: 0.4, Y: 1}, {X: 0, Y: 1}}},
		{Name: "right", Area: geometry.Polygon{{X: 0.6, Y: 0}, {X: 1, Y: 0}, {X: 1, Y: 1}, {X: 0.6, Y: 1}}},
	}
	var clips []detect.Clip
	stats, err := Run(t.Context(), []Camera{cam},
		Options{Publisher: &l, OnClip: func(c detect.Clip) { clips = append(clips, c) }})
	if err != nil {
		t.Fatal(err)
	}
	if got := l.life(t); !strings.HasPrefix(got, "start ") || !strings.HasSuffix(got, " end:calm") ||
		strings.Count(got, "start") != 1 {
		t.Fatalf("said %q, want one event that ends when it is calm again", got)
	}
	// 160 frames make 145 clips at hop 1, and a recording skips none.
	if s := stats[0]; s.Frames != 160 || s.Clips != 145 || s.Scored != 145 || s.Skipped != 0 || s.Events != 1 ||
		len(clips) != 145 {
		t.Errorf("counted %+v and saw %d clips", s, len(clips))
	}
	end := l.alerts[len(l.alerts)-1]
	// The mean error of a clip is 0.5 for each bright frame in sixteen; the threshold 0.1 takes four of them.
	if end.Start.Frame != 48 {
		t.Errorf("starts at frame %d, want 48: frames 60 to 63 are the fourth of the clip from 48 on", end.Start.Frame)
	}
	if end.PeakError < 0.49 || end.PeakRegularity != 0 || end.Severity != 1 || end.Threshold != 0.1 {
		t.Errorf("peak %g, regularity %g, severity %g, threshold %g", end.PeakError, end.PeakRegularity, end.Severity,
			end.Threshold)
	}
	if !slices.Equal(end.Zones, []string{"left"}) {
		t.Errorf("zones %v, want left", end.Zones)
	}
	if len(end.Boxes) != 1 || end.Boxes[0] != (geometry.Box{X: 0, Y: 0, W: 0.5, H: 1}) {
		t.Errorf("boxes %+v, want the left half", end.Boxes)
	}
	if len(l.scores) == 0 || l.scores[0].Regularity == nil {
		t.Error("no score with a regularity was published")
	}
}

// TestEventOfTheLastFrames checks that the score of a model that scores a clip's last four frames belongs to these, as
// do the event's start and its peak.
func TestEventOfTheLastFrames(t *testing.T) {
	var l ledger
	cam := camera(t, "gate", film{greys: scene(60, 40, 60), err: io.EOF})
	cam.Model = blindOf(t, 4)
	var clips []detect.Clip
	if _, err := Run(t.Context(), []Camera{cam},
		Options{Publisher: &l, OnClip: func(c detect.Clip) { clips = append(clips, c) }}); err != nil {
		t.Fatal(err)
	}
	for _, c := range clips {
		if first := c.First.Frame; c.From.Frame != first+12 || c.Seen.Frame != first+14 || c.Centre.Frame != first+8 ||
			c.Last.Frame != first+15 {
			t.Fatalf("clip from frame %d: from %d, seen %d, centre %d, last %d", first, c.From.Frame, c.Seen.Frame,
				c.Centre.Frame, c.Last.Frame)
		}
	}
	l.life(t)
	// One bright frame of four is above the threshold, so the event opens with the clip that ends at frame 60; four are
	// the peak. It ends when 100 and the next three are dark again.
	end := l.alerts[len(l.alerts)-1]
	if end.Start.Frame != 57 || end.Peak.Frame != 62 || end.End.Frame < 102 || end.End.Frame > 103 {
		t.Errorf("from frame %d, peak %d, to %d; want 57, 62 and 102 or 103", end.Start.Frame, end.Peak.Frame,
			end.End.Frame)
	}
}

func TestRunEndsEvents(t *testing.T) {
	for _, c := range []struct {
		name, want string
		change     func(*Camera)
		greys      []byte
	}{
		{"with the recording", "start end:source_ended", func(*Camera) {}, scene(20, 60, 0)},
		{"when disarmed", "start end:disarmed", func(c *Camera) {
			clips := 0
			c.Armed = func(time.Time) bool { clips++; return clips < 60 }
		}, scene(20, 100, 0)},
		{"not at all without a threshold", "", func(c *Camera) { c.Threshold = Threshold{} }, scene(20, 60, 20)},
	} {
		t.Run(c.name, func(t *testing.T) {
			var l ledger
			cam := camera(t, "gate", film{greys: c.greys, err: io.EOF})
			c.change(&cam)
			if _, err := Run(t.Context(), []Camera{cam}, Options{Publisher: &l}); err != nil {
				t.Fatal(err)
			}
			if got := strings.ReplaceAll(l.life(t), " update", ""); got != c.want {
				t.Errorf("said %q, want %q", got, c.want)
			}
		})
	}
}

func TestRunOpensALiveSourceAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		lost := errors.New("connection reset")
		cam := camera(t, "gate", film{greys: scene(30, 30, 0), err: lost, live: true},
			film{greys: scene(10, 2000, 0), live: true})
		cam.Live, cam.Lossless = true, false
		var l ledger
		var clips []detect.Clip
		stats, err := Run(ctx, []Camera{cam},
			Options{Publisher: &l, OnClip: func(c detect.Clip) { clips = append(clips, c) }})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.ReplaceAll(l.life(t), " update", ""); got != "start end:source_lost start end:stopped" {
			t.Errorf("said %q, want an event that ends with the source and one that ends with the program", got)
		}
		if stats[0].Openings != 2 || stats[0].Failures != 1 {
			t.Errorf("counted %+v, want two openings and one failure", stats[0])
		}
		gaps := 0
		for i, c := range clips {
			if c.Last.Frame-c.First.Frame != video.CuboidFrames-1 || c.Last.PTS-c.First.PTS != 1500*time.Millisecond {
				t.Fatalf("clip %d spans a gap: frames %d to %d, %v to %v", i, c.First.Frame, c.Last.Frame, c.First.PTS,
					c.Last.PTS)
			}
			if i > 0 && c.Centre.PTS <= clips[i-1].Centre.PTS {
				t.Fatalf("stream time went from %v to %v", clips[i-1].Centre.PTS, c.Centre.PTS)
			}
			if c.Gap {
				gaps++
				if c.First.Frame != 60 {
					t.Errorf("the clip after the gap starts at frame %d, want 60", c.First.Frame)
				}
			}
		}
		if gaps != 1 {
			t.Errorf("%d clips come right after a gap, want one", gaps)
		}
		var states []string
		for _, s := range l.states {
			states = append(states, string(s.State))
		}
		if got := strings.Join(states, " "); got != "connecting live failing connecting live stopped" {
			t.Errorf("states %q", got)
		}
	})
}

func TestRunLeavesTheOtherCamerasAlone(t *testing.T) {
	broken := camera(t, "broken", film{greys: scene(40, 0, 0), err: errors.New("bad sector")})
	unopened := camera(t, "unopened")
	unopened.Open = func(context.Context, uint64, int) (Stream, error) { return nil, errors.New("no such file") }
	short := camera(t, "short", film{greys: scene(15, 0, 0), err: io.EOF})
	resized := camera(t, "resized", film{greys: scene(40, 0, 0), err: io.EOF})
	resized.Threshold.Calibration = &calibrate.Calibration{
		ID: "x", Lo: 0.01, Theta: 0.1,
		Key: calibrate.Key{Camera: "resized", Width: 640, Height: 480, FPS: 10, Hop: 1},
	}
	unscorable := camera(t, "unscorable", film{greys: scene(40, 0, 0), err: io.EOF})
	unscorable.Model = overflowing(t)
	good := camera(t, "good", film{greys: scene(60, 40, 60), err: io.EOF})

	stats, err := Run(t.Context(), []Camera{broken, unopened, short, resized, unscorable, good}, Options{})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"camera broken: read: bad sector", "camera unopened: no such file",
		"camera short: too short: 15 frames, a cuboid needs 16",
		"camera resized: calibration x does not fit: picture size is 32x24, calibrated for 640x480",
		"camera unscorable: none of its 25 clips could be scored, the first: score the clip at frame 0",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "camera good") || stats[5].Scored != 145 || stats[5].Events != 1 {
		t.Errorf("the good camera suffered: %+v", stats[5])
	}
}

// overflowing returns a model whose values overflow float32.
func overflowing(t *testing.T) *model.Model { return scaledBy(t, 1e30) }

// scaledBy returns a model all of whose weights are equal.
func scaledBy(t *testing.T, weight float32) *model.Model {
	t.Helper()
	spec, err := model.FindPreset("micro")
	if err != nil {
		t.Fatal(err)
	}
	w, err := model.NewWeights(spec)
	if err != nil {
		t.Fatal(err)
	}
	for name, tensor := range w.Tensors {
		if strings.HasSuffix(name, ".weight") {
			for i := range tensor.Float {
				tensor.Float[i] = weight
			}
		}
	}
	m, err := model.New(w)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestRunSaysWhichAlertsNobodyTook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		cam := camera(t, "gate", film{greys: scene(20, 2000, 0), live: true})
		cam.Live = true
		began := time.Now()
		_, err := Run(ctx, []Camera{cam}, Options{Publisher: &ledger{refuse: true}})
		if err == nil || !strings.Contains(err.Error(), "alert messages were not delivered, the first: ") {
			t.Errorf("error %v, want one that names undelivered alerts", err)
		}
		if took := time.Since(began); took > 10*time.Second+thread.DrainTime+time.Second {
			t.Errorf("stopped after %v, want the drain time after the end at most", took)
		}
	})
}

// TestRunSurvivesAClockThatStartsAgain checks that a recording of a camera whose clock restarts has a gap, and nothing
// is missed after it.
func TestRunSurvivesAClockThatStartsAgain(t *testing.T) {
	var l ledger
	cam := camera(t, "gate", film{greys: scene(400, 60, 60), err: io.EOF, restart: 300})
	var clips []detect.Clip
	if _, err := Run(t.Context(), []Camera{cam},
		Options{Publisher: &l, OnClip: func(c detect.Clip) { clips = append(clips, c) }}); err != nil {
		t.Fatal(err)
	}
	if got := strings.ReplaceAll(l.life(t), " update", ""); got != "start end:calm" {
		t.Errorf("said %q, want an event after the clock started again", got)
	}
	gaps := 0
	for i, c := range clips {
		if i > 0 && c.Centre.PTS <= clips[i-1].Centre.PTS {
			t.Fatalf("stream time went from %v to %v", clips[i-1].Centre.PTS, c.Centre.PTS)
		}
		if c.Gap {
			gaps++
		}
		if c.First.Frame < 300 && c.Last.Frame >= 300 {
			t.Errorf("the clip from frame %d spans the restart", c.First.Frame)
		}
	}
	if gaps != 1 {
		t.Errorf("%d gaps, want one", gaps)
	}
}

// TestRunDeliversTheEndOfASlowCamera checks that a camera that is slow to stop does not cost the end of its event: the
// time for delivery starts when the cameras have stopped.
func TestRunDeliversTheEndOfASlowCamera(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		cam := camera(t, "gate", film{greys: scene(20, 2000, 0), live: true, deaf: thread.DrainTime + time.Second})
		cam.Live = true
		var l ledger
		if _, err := Run(ctx, []Camera{cam}, Options{Publisher: &l}); err != nil {
			t.Fatal(err)
		}
		if got := strings.ReplaceAll(l.life(t), " update", ""); got != "start end:stopped" {
			t.Errorf("said %q", got)
		}
		if last := l.states[len(l.states)-1]; last.State != alerts.StateStopped {
			t.Errorf("the last state is %s, want stopped", last.State)
		}
	})
}

func TestRunReportsAScoreThatFailsAtTheVeryEnd(t *testing.T) {
	for range 20 {
		cam := camera(t, "gate", film{greys: scene(16, 0, 0), err: io.EOF})
		cam.Model = overflowing(t)
		var l ledger
		if _, err := Run(t.Context(), []Camera{cam}, Options{Publisher: &l}); err == nil ||
			!strings.Contains(err.Error(),
				"camera gate: none of its 1 clips could be scored, the first: score the clip at frame 0") {
			t.Fatalf("error %v", err)
		}
		if last := l.states[len(l.states)-1]; last.State != alerts.StateFailed {
			t.Fatalf("the last state is %s, want failed", last.State)
		}
	}
}

func TestScoresDoNotDependOnThreads(t *testing.T) {
	score := func(threads int) (errs []float64) {
		cam := camera(t, "gate", film{greys: scene(20, 10, 10), err: io.EOF})
		if _, err := Run(t.Context(), []Camera{cam},
			Options{Threads: threads, OnClip: func(c detect.Clip) { errs = append(errs, c.Error) }}); err != nil {
			t.Fatal(err)
		}
		return errs
	}
	if one, three := score(1), score(3); len(one) != 25 || !slices.Equal(one, three) {
		t.Errorf("with one thread %v, with three %v", one, three)
	}
}

// TestCamerasThatShareAModelDoNotMix compares cameras scored together, one of which fails midway, with each alone.
func TestCamerasThatShareAModelDoNotMix(t *testing.T) {
	m := blind(t)
	cameras := func() (all []Camera) {
		for i, name := range []string{"a", "b", "c", "d", "e"} {
			f := film{greys: scene(10+3*i, 5+2*i, 20), err: io.EOF}
			if name == "c" {
				f.greys, f.err = f.greys[:30], errors.New("torn off")
			}
			cam := camera(t, name, f)
			cam.Model = m
			all = append(all, cam)
		}
		return all
	}
	run := func(cameras []Camera) map[string][]detect.Clip {
		clips := map[string][]detect.Clip{}
		_, err := Run(t.Context(), cameras, Options{Threads: 3, OnClip: func(c detect.Clip) {
			c.Map, c.Capture, c.Queue, c.Score = slices.Clone(c.Map), 0, 0, 0
			for _, m := range []*detect.Moment{&c.First, &c.From, &c.Centre, &c.Seen, &c.Last} {
				m.Wall = time.Time{}
			}
			clips[c.Camera] = append(clips[c.Camera], c)
		}})
		if err != nil && !strings.Contains(err.Error(), "torn off") {
			t.Fatal(err)
		}
		return clips
	}
	together := run(cameras())
	for _, cam := range cameras() {
		if alone := run([]Camera{cam})[cam.Name]; len(alone) < 10 || !reflect.DeepEqual(together[cam.Name], alone) {
			t.Errorf("camera %s: %d clips together, %d alone, or they differ", cam.Name, len(together[cam.Name]),
				len(alone))
		}
	}
}

// TestEarlyClipsOfAnotherRate checks that early clips raise no event if the calibration does not fit, and that the
// first full cuboid gives the error.
func TestEarlyClipsOfAnotherRate(t *testing.T) {
	for _, c := range []struct {
		fps   float64
		clips int
		fits  bool
	}{{10, 39, true}, {20, 14, false}} {
		cam := camera(t, "gate", film{greys: slices.Repeat([]byte{brightGrey}, 40), err: io.EOF})
		cam.PartialClips, cam.Detector.OpenAfter = true, 0
		key := cam.CalibrationKey()
		key.Width, key.Height, key.FPS = 32, 24, c.fps
		cam.Threshold.Calibration = &calibrate.Calibration{Key: key, Lo: 0.01, Theta: 0.1}
		clips, told := 0, 0
		_, err := Run(t.Context(), []Camera{cam},
			Options{OnClip: func(detect.Clip) { clips++ }, OnAlert: func(alerts.Alert) { told++ }})
		if (err == nil) != c.fits || clips != c.clips || (told > 0) != c.fits {
			t.Errorf("calibrated for %v frames a second: %d clips, %d alerts, error %v", c.fps, clips, told, err)
		}
	}
}
