package archive

import (
	"context"
	"errors"
	"fmt"
	"os"

	"vigil/alerts/broker"
	"vigil/alerts/instance"
	"vigil/alerts/store"
	"vigil/internal/errcode"
)

// ErrNoStore means that a data directory has no store of alerts.
var ErrNoStore = errcode.StoreNoStream.New("no alerts are kept")

// Observer receives events while alerts are read. Each function may be nil, may be called from several goroutines and
// must not block.
type Observer struct {
	State      func(state string, err error) // of the connection: one of broker's State constants
	Unreadable func(numbers store.Ranges)    // unreadable messages that are skipped, each once
	Damage     func(store.Damage)            // damage that OpenLocal found in a store that no vigil has open
}

// dialOptions adds the observer to the options.
func (o Observer) dialOptions(d broker.DialOptions) broker.DialOptions {
	d.OnState = o.State
	if o.Unreadable == nil {
		return d
	}
	var reported store.Ranges
	d.OnUnreadable = func(numbers []uint64) {
		fresh := store.RangesOf(numbers).Without(reported)
		if len(fresh) == 0 {
			return
		}
		for _, r := range fresh {
			reported.Add(r.First, r.Last)
		}
		o.Unreadable(fresh)
	}
	return d
}

// Dial connects to a NATS server to read its alerts.
func Dial(ctx context.Context, server broker.DialOptions, o Observer) (*Archive, error) {
	conn, err := broker.Dial(ctx, o.dialOptions(server))
	if err != nil {
		return nil, err
	}
	return New(conn), nil
}

// DialSocket reads and writes the alerts of the vigil that runs on a data directory of this machine, through its
// socket, since its port only permits reading without an account. It fails if no vigil runs there.
func DialSocket(ctx context.Context, dataDir string) (*Archive, error) {
	conn, err := broker.DialLocal(ctx, store.Dir(dataDir), broker.DialOptions{})
	if err != nil {
		return nil, err
	}
	return New(conn), nil
}

// OpenLocal reads and writes the alerts of a data directory of this machine: through the socket of the vigil that runs
// there, or by opening the store itself, which then no vigil can open until Close.
func OpenLocal(ctx context.Context, dataDir string, o Observer) (*Archive, error) {
	dir, err := findStore(dataDir)
	if err != nil {
		return nil, err
	}
	conn, err := broker.DialLocal(ctx, dir, o.dialOptions(broker.DialOptions{}))
	if err == nil {
		return New(conn), nil
	}
	if !errors.Is(err, broker.ErrNotRunning) {
		return nil, err
	}
	server, err := broker.Start(ctx, broker.Options{Dir: dir, NoListen: true})
	if err != nil {
		return nil, err
	}
	if o.Damage != nil {
		for _, d := range server.Damage() {
			o.Damage(d)
		}
	}
	if conn, err = broker.Dial(ctx, o.dialOptions(broker.DialOptions{Server: server})); err != nil {
		return nil, errors.Join(err, server.Shutdown())
	}
	return &Archive{conn: conn, server: server}, nil
}

// CheckStore reads every block of a data directory's store, whether a vigil runs on it or not, and changes nothing.
// With an error there may be a partial report.
func CheckStore(dataDir string) (*store.Report, error) {
	dir, err := findStore(dataDir)
	if err != nil {
		return nil, err
	}
	return store.Check(dir)
}

// RepairStore repairs a data directory's store by store.Repair; it fails if a vigil has the store open.
func RepairStore(dataDir string, from []string) (*store.Report, error) {
	dir, err := findStore(dataDir)
	if err != nil {
		return nil, err
	}
	release, err := broker.LockDir(dir)
	if err != nil {
		return nil, err
	}
	report, err := store.Repair(dir, from)
	return report, errors.Join(err, release())
}

// findStore returns the directory of a data directory's store, which must exist in a supported format.
func findStore(dataDir string) (string, error) {
	dir := store.Dir(dataDir)
	if _, err := os.Stat(dir); err != nil {
		return "", fmt.Errorf("%w in %s: give -c with the configuration that vigil runs with", ErrNoStore, dataDir)
	}
	return dir, instance.CheckFormat(dataDir)
}
