package outbox

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"vigil/alerts/broker"
	"vigil/alerts/sink"
	"vigil/internal/alerttest"
)

// unavailableSink is a sink that accepts nothing.
type unavailableSink struct{}

func (unavailableSink) Name() string { return "closed" }

func (unavailableSink) Deliver(context.Context, sink.Message) error {
	return errors.New("nobody is there")
}

// An outbox follows its sizes from one start to the next, up and down, and a smaller one loses no undelivered alert.
func TestOutboxSizes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	stored := uint64(0)
	for _, size := range []int64{1 << 20, 4 << 20, 4 << 10} {
		o, err := Open(alerttest.Within(t), Options{
			Server: broker.Options{Dir: dir, NoListen: true}, Bytes: size, Reserve: size,
			Sinks: []sink.Sink{unavailableSink{}},
		})
		if err != nil {
			t.Fatal(err)
		}
		s, err := o.Conn().JetStream().Stream(alerttest.Within(t), broker.Stream)
		if err != nil {
			t.Fatal(err)
		}
		info := s.CachedInfo()
		if info.Config.MaxBytes != size || info.State.Msgs != stored {
			t.Errorf("opened with %d: the stream takes %d and has %d messages, want %d", size, info.Config.MaxBytes,
				info.State.Msgs, stored)
		}
		if held, err := os.Stat(filepath.Join(dir, "reserve")); err != nil || held.Size() != size {
			t.Errorf("opened with %d: the reserve is %v, %v", size, held, err)
		}
		if size > 1<<19 {
			for range 3 {
				stored += uint64(len(wholeEvent(t, o, "yard")))
			}
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
