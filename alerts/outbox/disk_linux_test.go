package outbox

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/sink"
	"vigil/internal/alerttest"
	"vigil/internal/disktest"
)

// openOnSmallDisk returns an outbox on a small disk with a sink that accepts everything, and the errors of its log.
func openOnSmallDisk(t *testing.T, dir string, free func(context.Context, int64) error) (*Outbox, *recordingSink,
	<-chan struct{},
) {
	t.Helper()
	alarms := make(chan struct{}, 1000)
	s := &recordingSink{name: "a"}
	o := open(t, Options{
		Server: broker.Options{Dir: filepath.Join(dir, "store")}, Sinks: []sink.Sink{s}, Reserve: 4 << 20,
		Bytes:   2 << 20,
		Reclaim: free,
		Log:     slog.New(&onErrorLog{Handler: slog.DiscardHandler, call: func() { alarms <- struct{}{} }}),
	})
	return o, s, alarms
}

// subscribeStorage subscribes like any client, and reconnects when the server comes back.
func subscribeStorage(t *testing.T, o *Outbox) *nats.Subscription {
	t.Helper()
	nc, err := nats.Connect("", nats.InProcessServer(o.Server()), nats.MaxReconnects(-1),
		nats.ReconnectWait(20*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	sub, err := nc.SubscribeSync(alerts.StorageSubject)
	if err == nil {
		err = nc.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

// nextStorageStatus returns the next message about the storage, repeated for as long as the subscriber has no
// connection.
func nextStorageStatus(t *testing.T, o *Outbox, sub *nats.Subscription) alerts.Storage {
	t.Helper()
	for began := time.Now(); time.Since(began) < alerttest.LongWait; {
		o.storageStatus.mu.Lock()
		o.storageStatus.repeat = true
		o.storageStatus.mu.Unlock()
		o.repeatStatus(false)
		m, err := sub.NextMsg(50 * time.Millisecond)
		if errors.Is(err, nats.ErrTimeout) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		s, err := alerts.DecodeStorage(m.Data)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	t.Fatal("no status of the storage was published")
	return alerts.Storage{}
}

// When other files have filled the disk, alerts use the space of the reserve.
func TestReserveOnFullDisk(t *testing.T) {
	dir := disktest.Small(t, 16<<20)
	o, s, alarms := openOnSmallDisk(t, dir, nil)
	want := wholeEvent(t, o, "yard")
	disktest.Fill(t, dir)
	// Blocks that are already allocated hold a few before the disk is really full; then the reserve holds hundreds.
	for range 120 {
		want = append(want, wholeEvent(t, o, "yard")...)
	}
	if len(alarms) == 0 {
		t.Error("nobody was alarmed")
	}
	if err := o.Drain(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	equal(t, s.ids("yard"), want)
}

// When the reserve is used up as well, Reclaim frees space; alerts that wait meanwhile are neither lost nor stored
// twice.
func TestAlertsWaitForDiskSpace(t *testing.T) {
	dir := disktest.Small(t, 16<<20)
	var ballast atomic.Pointer[string]
	allowed := make(chan struct{})
	refused := make(chan struct{}, 1000)
	o, s, alarms := openOnSmallDisk(t, dir, func(context.Context, int64) error {
		select {
		case refused <- struct{}{}:
		default:
		}
		select {
		case <-allowed:
			return os.Remove(*ballast.Load())
		default:
			return errors.New("not yet")
		}
	})
	want := wholeEvent(t, o, "yard")
	storage := subscribeStorage(t, o)
	o.reserve.release()
	path := disktest.Fill(t, dir)
	ballast.Store(&path)
	id := alerts.NewID()
	done := make(chan error, 1)
	ctx := alerttest.Within(t)
	go func() {
		for seq := range 200 {
			a := alerttest.Event("yard", id, seq, alerts.PhaseUpdate)
			if seq == 0 {
				a.Phase = alerts.PhaseStart
			}
			if err := o.Publish(ctx, a); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for range 3 {
		select {
		case <-refused:
		case err := <-done:
			t.Fatalf("everything was stored on a full disk: %v", err)
		case <-ctx.Done():
			t.Fatal("nobody was alarmed")
		}
	}
	// Subscribers receive it; a status published during a restart of the server is repeated.
	if s := nextStorageStatus(t, o, storage); s.State != alerts.StorageFailing || s.Detail == "" {
		t.Errorf("the first status is %+v", s)
	}
	close(allowed)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for seq := range 200 {
		want = append(want, alerts.MessageID(id, seq))
	}
	if err := o.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	equal(t, s.ids("yard"), want)
	if len(alarms) != 1 {
		t.Errorf("%d alarms, want one: it lasted less than a minute", len(alarms))
	}
	over := nextStorageStatus(t, o, storage)
	for over.State == alerts.StorageFailing {
		over = nextStorageStatus(t, o, storage)
	}
	if over.State != alerts.StorageOK || over.FailedSeconds <= 0 || over.FreeBytes == 0 {
		t.Errorf("the last status is %+v", over)
	}
}

// A disk that other files have filled does not prevent a process with a reserve from starting.
func TestOpenOnFullDisk(t *testing.T) {
	dir := disktest.Small(t, 16<<20)
	o, _, _ := openOnSmallDisk(t, dir, nil)
	wholeEvent(t, o, "yard")
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	disktest.Fill(t, dir)
	o, s, _ := openOnSmallDisk(t, dir, nil)
	want := wholeEvent(t, o, "yard")
	if err := o.Drain(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	equal(t, s.ids("yard")[len(s.ids("yard"))-3:], want)
}

// The free space of a deleted directory is that of its file system, which the alarm reports.
func TestFreeBytesOfDeletedDirectory(t *testing.T) {
	if free := freeBytes(filepath.Join(t.TempDir(), "gone", "store")); free < 0 || free == math.MaxInt64 {
		t.Errorf("%d bytes are free", free)
	}
}
