package pipeline

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/outbox"
	"vigil/internal/cameratest"
	"vigil/pipeline/detect"
	"vigil/video"
)

// pacedStream is a live camera of 25 frames a second that is bright and calm for a second each, and records the
// arrival of each frame.
type pacedStream struct {
	fakeStream
	arrivals *sync.Map // by frame
	began    time.Time
}

const pacedFPS = 25

func (s *pacedStream) Read(ctx context.Context, f *video.Frame) error {
	if s.at == 0 {
		s.began = time.Now()
	}
	time.Sleep(time.Until(s.began.Add(time.Duration(s.at) * time.Second / pacedFPS)))
	s.greys = scene(pacedFPS, pacedFPS, 0)
	n := s.at
	s.at = n % len(s.greys)
	err := s.fakeStream.Read(ctx, f)
	s.at = n + 1
	f.Seq, f.PTS, f.Arrival = uint64(n), time.Duration(n)*time.Second/pacedFPS, time.Now()
	s.arrivals.Store(f.Seq, f.Arrival)
	return err
}

// BenchmarkFrameToSubscriber measures from the arrival of the last frame that opens an event to the subscriber, through
// the scorer, the synced store and NATS. The model is the smallest: a larger one adds its own time, see BENCHMARKS.md.
func BenchmarkFrameToSubscriber(b *testing.B) {
	for _, cameras := range []int{1, 8, 32} {
		b.Run(fmt.Sprintf("cameras=%d", cameras), func(b *testing.B) {
			o, err := outbox.Open(b.Context(),
				outbox.Options{Server: broker.Options{Dir: filepath.Join(b.TempDir(), "store"), Port: -1}})
			if err != nil {
				b.Fatal(err)
			}
			defer o.Close()
			conn, err := broker.Dial(b.Context(), broker.DialOptions{URL: o.Server().URL()})
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			m := cameratest.ZeroModel(b, 0)
			arrivals := map[string]*sync.Map{}
			var all []Camera
			for i := range cameras {
				name := fmt.Sprintf("c%d", i)
				arrivals[name] = &sync.Map{}
				all = append(all, Camera{
					Name: name, Model: m, Live: true, Hop: 1, Threshold: Threshold{Lo: 0.01, Theta: 0.1},
					RetryMin: time.Second, RetryMax: time.Second,
					Detector:    detect.Config{Enter: 0.5, Leave: 0.6, CloseAfter: 100 * time.Millisecond},
					NewPreparer: func() (Preparer, error) { return shrink{m.Spec().Side}, nil },
					Open: func(context.Context, uint64, int) (Stream, error) {
						time.Sleep(time.Duration(i) * 37 * time.Millisecond) // cameras are out of phase
						return &pacedStream{fakeStream: fakeStream{live: false}, arrivals: arrivals[name]}, nil
					},
				})
			}
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			var took []time.Duration
			enough := errors.New("enough")
			followed := make(chan error, 1)
			want := max(40, 4*cameras)
			go func() {
				followed <- conn.Follow(ctx, broker.FollowOptions{All: true}, func(r broker.Record) error {
					a, err := alerts.Decode(r.Data)
					if err != nil {
						return err
					}
					// The clip that opens the event is its peak so far; its last frame is seven after its centre.
					if at, ok := arrivals[a.Camera].Load(a.Peak.Frame + 7); ok && a.Phase == alerts.PhaseStart {
						took = append(took, time.Since(at.(time.Time)))
					}
					if len(took) >= want {
						return enough
					}
					return nil
				})
			}()
			for b.Loop() {
				ran := make(chan error, 1)
				go func() {
					_, err := Run(ctx, all, Options{Publisher: o})
					ran <- err
				}()
				if err := <-followed; !errors.Is(err, enough) {
					b.Fatal(err)
				}
				cancel()
				if err := <-ran; err != nil {
					b.Fatal(err)
				}
			}
			slices.Sort(took)
			for _, p := range []int{50, 95, 99} {
				b.ReportMetric(float64(took[(len(took)-1)*p/100])/1e6, fmt.Sprintf("p%d-ms", p))
			}
		})
	}
}
