package evidence

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/outbox"
	"vigil/internal/alerttest"
	"vigil/internal/disktest"
)

// When the disk is full, evidence makes room for alerts: the oldest is deleted, the newer stays intact, the disk really
// has room, and no alert is lost.
func TestEvidenceMakesRoomForAlerts(t *testing.T) {
	dir := disktest.Small(t, 128<<20)
	const reserve = 6 << 20
	o, err := outbox.Open(alerttest.Within(t), outbox.Options{
		Server: broker.Options{Dir: filepath.Join(dir, "store"), NoListen: true}, Reserve: reserve, Bytes: 32 << 20,
		LongestPause: 200 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}()
	objs := objects(t, o.Conn().JetStream(), Limits{Bytes: 96 << 20})
	o.SetReclaim(objs.Reclaim)
	piece := make([]byte, 256<<10)
	var all []string
	for i := range 300 {
		for j := range piece {
			piece[j] = byte(i * j)
		}
		all = append(all, fmt.Sprintf("%s/clip-%d.mp4", alerts.NewID(), i))
		if err := objs.Put(alerttest.Within(t), all[i], "video/mp4", piece); err != nil {
			t.Fatal(err)
		}
	}
	disktest.Fill(t, dir)

	id := alerts.NewID()
	var want []string
	for seq := range 8000 {
		a := event(id, alerts.PhaseUpdate)
		a.Seq, a.Kind, a.Model = seq, alerts.KindUntrusted, alerts.Model{Name: "small", Hash: "ab"}
		if seq == 0 {
			a.Phase = alerts.PhaseStart
		}
		if err := o.Publish(alerttest.Within(t), a); err != nil {
			t.Fatal(err)
		}
		want = append(want, a.MessageID())
		if kept, _ := objs.Size(); kept < len(all) {
			break
		}
	}
	kept, _ := objs.Size()
	t.Logf("%d alerts later %d of %d objects are kept, and %d KiB of the disk are free", len(want), kept, len(all),
		disktest.Free(t, dir)>>10)
	if kept == len(all) || kept == 0 {
		t.Errorf("%d of %d objects are kept, want the younger ones", kept, len(all))
	}
	if disktest.Free(t, dir) < 2*reserve {
		t.Error("deleted evidence still uses space on the disk")
	}
	var stored []string
	if _, err := o.Conn().Scan(alerttest.Within(t), broker.ScanOptions{}, func(r broker.Record) error {
		stored = append(stored, r.ID)
		return nil
	}); err != nil || !slices.Equal(stored, want) {
		t.Fatalf("%d of %d alerts are stored: %v", len(stored), len(want), err)
	}
	for i, name := range all {
		data, err := NewReader(o.Conn().JetStream()).Read(alerttest.Within(t), Bucket, name)
		if gone := i < len(all)-kept; gone != errors.Is(err, jetstream.ErrObjectNotFound) ||
			!gone && (err != nil || data[1] != byte(i)) {
			t.Errorf("object %d of %d, of which %d are kept: %v", i, len(all), kept, err)
		}
	}
	// Evidence continues as well.
	if err := objs.Put(alerttest.Within(t), "x/clip-0.mp4", "video/mp4", piece); err != nil {
		t.Error(err)
	}
}
