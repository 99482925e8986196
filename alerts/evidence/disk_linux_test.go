package evidence

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/outbox"
	"vigil/internal/testenv"
)

// smallDisk mounts a file system of a given size, since nothing else fills as a disk does.
func smallDisk(t *testing.T, bytes int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprint("size=", bytes)); err != nil {
		testenv.Missing(t, "a small disk needs the right to mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill takes what is left of the disk.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(errors.Join(err, f.Close()), syscall.ENOSPC) {
		t.Fatal(err)
	}
}

func free(t *testing.T, dir string) int64 {
	t.Helper()
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		t.Fatal(err)
	}
	return int64(s.Bavail) * s.Bsize
}

// When the disk is full, evidence on it makes room for alerts: the oldest goes, the younger stays whole, the disk
// really has room, and no alert is lost.
func TestEvidenceMakesRoomForAlerts(t *testing.T) {
	dir := smallDisk(t, 128<<20)
	const reserve = 6 << 20
	o, err := outbox.Open(within(t), outbox.Options{
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
		if err := objs.Put(within(t), all[i], "video/mp4", piece); err != nil {
			t.Fatal(err)
		}
	}
	fill(t, filepath.Join(dir, "ballast"))

	id := alerts.NewID()
	var want []string
	for seq := range 8000 {
		a := event(id, alerts.PhaseUpdate)
		a.Seq, a.Kind, a.Model = seq, alerts.KindUntrusted, alerts.Model{Name: "small", Hash: "ab"}
		if seq == 0 {
			a.Phase = alerts.PhaseStart
		}
		if err := o.Publish(within(t), a); err != nil {
			t.Fatal(err)
		}
		want = append(want, a.MessageID())
		if kept, _ := objs.Size(); kept < len(all) {
			break
		}
	}
	kept, _ := objs.Size()
	t.Logf("%d alerts later %d of %d objects are kept, and %d KiB of the disk are free", len(want), kept, len(all),
		free(t, dir)>>10)
	if kept == len(all) || kept == 0 {
		t.Errorf("%d of %d objects are kept, want the younger ones", kept, len(all))
	}
	if free(t, dir) < 2*reserve {
		t.Error("what was let go still takes its room on the disk")
	}
	found, err := o.Conn().Find(within(t), id)
	if err != nil || len(found) != len(want) {
		t.Fatalf("%d of %d alerts are stored: %v", len(found), len(want), err)
	}
	for i, name := range all {
		data, err := NewReader(o.Conn().JetStream()).Read(within(t), Bucket, name)
		if gone := i < len(all)-kept; gone != errors.Is(err, jetstream.ErrObjectNotFound) ||
			!gone && (err != nil || data[1] != byte(i)) {
			t.Errorf("object %d of %d, of which %d are kept: %v", i, len(all), kept, err)
		}
	}
	// Evidence goes on as well.
	if err := objs.Put(within(t), "x/clip-0.mp4", "video/mp4", piece); err != nil {
		t.Error(err)
	}
}
