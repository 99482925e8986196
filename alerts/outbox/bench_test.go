package outbox

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/evidence"
	"vigil/internal/alerttest"
)

// report reports percentiles of the durations of a benchmark's rounds.
func report(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	for _, p := range []int{50, 99} {
		b.ReportMetric(float64(took[(len(took)-1)*p/100])/1e6, fmt.Sprintf("p%d-ms", p))
	}
}

// The time until an event is on the disk and acknowledged: with and without a sync for each, without the ledger, and
// while evidence is stored, 300 kB at a time, like a clip.
func BenchmarkStored(b *testing.B) {
	for _, c := range []struct {
		name               string
		lazy, bare, pieces bool
	}{
		{name: "synced"},
		{name: "synced, without the ledger", bare: true},
		{name: "system's own time", lazy: true},
		{name: "synced, evidence beside", pieces: true},
	} {
		b.Run(c.name, func(b *testing.B) {
			o, err := Open(b.Context(), Options{Server: broker.Options{
				Dir:      filepath.Join(b.TempDir(), "store"),
				NoListen: true, SyncLazily: c.lazy,
			}})
			if err != nil {
				b.Fatal(err)
			}
			defer o.Close()
			if c.bare {
				if err := o.ledger.Close(); err != nil { // further updates are not written
					b.Fatal(err)
				}
			}
			if c.pieces {
				objects, err := evidence.OpenObjects(b.Context(), o.Conn().JetStream(),
					evidence.Limits{Bytes: 64 << 20})
				if err != nil {
					b.Fatal(err)
				}
				stop, done := make(chan struct{}), make(chan struct{})
				defer func() { close(stop); <-done }()
				go func() {
					defer close(done)
					for i := 0; ; i++ {
						select {
						case <-stop:
							return
						default:
						}
						if err := objects.Put(b.Context(), fmt.Sprintf("x/%d", i), "video/mp4",
							make([]byte, 300<<10)); err != nil {
							b.Error(err)
							return
						}
					}
				}()
			}
			var took []time.Duration
			for b.Loop() {
				a := alerttest.Event("yard", alerts.NewID(), 0, alerts.PhaseStart)
				began := time.Now()
				if err := o.Publish(b.Context(), a); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
			}
			report(b, took)
		})
	}
}
