package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"vigil/alerts/broker"
	"vigil/alerts/instance"
	"vigil/alerts/store"
	"vigil/app"
	"vigil/config"
)

// alertsParts is what the commands that read alerts need of the configuration: not the cameras, nor their passwords.
var alertsParts = []string{"nats", "data_dir"}

const defaultNATS = "nats://127.0.0.1:4222"

// alertSource is where alerts are read.
type alertSource struct {
	*broker.Conn
	store *broker.Server // of a store that no vigil has open; nil for a server that runs
}

// still says that nothing new will come.
func (s *alertSource) still() bool { return s.store != nil }

// Close ends the connection, and leaves the store to the next vigil.
func (s *alertSource) Close() error {
	err := s.Conn.Close()
	if s.store != nil {
		err = errors.Join(err, s.store.Shutdown())
	}
	return err
}

// open is the one place that decides where the commands read alerts.
func (f alertsFlags) open(cmd *cobra.Command, onState func(string, error)) (*alertSource, error) {
	ctx := cmd.Context()
	unreadable := unreadableNote(cmd.ErrOrStderr())
	if f.local {
		return f.openLocal(ctx, cmd.ErrOrStderr(), broker.DialOptions{OnState: onState, OnUnreadable: unreadable})
	}
	o, err := f.natsOptions()
	if err != nil {
		return nil, err
	}
	warnOfLogin(cmd.ErrOrStderr(), "--server", f.server, ", or give -c")
	o.OnState, o.OnUnreadable = onState, unreadable
	conn, err := broker.Dial(ctx, o)
	return &alertSource{Conn: conn}, err
}

// openToWrite is open for a command that writes: to the server inside the vigil that runs here it goes through the
// socket, since its port is for readers where no account is given.
func (f alertsFlags) openToWrite(cmd *cobra.Command) (*alertSource, error) {
	cfg := config.Default()
	if f.config != "" {
		var err error
		if cfg, err = config.LoadParts(f.config, alertsParts...); err != nil {
			return nil, usageError{err}
		}
	}
	if !f.local && f.server == "" && f.creds == "" && cfg.NATS.URL == "" && (f.config != "" ||
		os.Getenv("NATS_URL") == "") {
		conn, err := broker.DialLocal(cmd.Context(), app.StoreDir(cfg), broker.DialOptions{})
		if err == nil {
			return &alertSource{Conn: conn}, nil
		}
	}
	return f.open(cmd, nil)
}

// openLocal asks the process that has the store open, or opens it where there is none.
func (f alertsFlags) openLocal(ctx context.Context, notes io.Writer, o broker.DialOptions) (*alertSource, error) {
	if f.server != "" || f.creds != "" {
		return nil, usageError{errors.New("give either --local or --server and --creds, not both")}
	}
	cfg := config.Default()
	if f.config != "" {
		var err error
		if cfg, err = config.LoadParts(f.config, alertsParts...); err != nil {
			return nil, usageError{err}
		}
	}
	dir := app.StoreDir(cfg)
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("--local: no alerts are kept in %s: give -c with the configuration that vigil runs with",
			cfg.DataDir)
	}
	if err := instance.CheckFormat(cfg.DataDir); err != nil {
		return nil, err
	}
	conn, err := broker.DialLocal(ctx, dir, o)
	if !errors.Is(err, broker.ErrNotRunning) {
		return &alertSource{Conn: conn}, err
	}
	server, err := broker.Start(ctx, broker.Options{Dir: dir, NoListen: true})
	if err != nil {
		return nil, err
	}
	for _, d := range server.Damage() {
		fmt.Fprintf(notes, "vigil: the store was damaged: stream %s: %d missing (%v), damaged files are kept in %s\n",
			d.Stream, d.Missing.Count(), d.Missing, d.KeptAside)
	}
	if conn, err = broker.Dial(ctx, broker.DialOptions{
		Server: server, OnState: o.OnState,
		OnUnreadable: o.OnUnreadable,
	}); err != nil {
		return nil, errors.Join(err, server.Shutdown())
	}
	return &alertSource{Conn: conn, store: server}, nil
}

// unreadableNote says once each which messages were passed over since their server cannot read them.
func unreadableNote(notes io.Writer) func([]uint64) {
	told := store.Ranges{}
	return func(numbers []uint64) {
		fresh := store.RangesOf(numbers).Without(told)
		if len(fresh) == 0 {
			return
		}
		for _, r := range fresh {
			told.Add(r.First, r.Last)
		}
		fmt.Fprintf(notes, "vigil: the server cannot read message %v of the stream: passed over\n", fresh)
	}
}

// natsOptions says which NATS server the commands talk to.
func (f alertsFlags) natsOptions() (broker.DialOptions, error) {
	if f.config != "" {
		if f.server != "" || f.creds != "" {
			return broker.DialOptions{}, usageError{errors.New("give either -c or --server and --creds, not both")}
		}
		return configuredNATS(f.config)
	}
	o := broker.DialOptions{
		URL: cmp.Or(f.server, os.Getenv("NATS_URL"), defaultNATS), Creds: f.creds, User: os.Getenv("NATS_USER"),
		Password: os.Getenv("NATS_PASSWORD"),
	}
	if err := broker.CheckURL(o.URL); err != nil {
		return broker.DialOptions{}, usageError{err}
	}
	return o, nil
}

// warnOfLogin warns of the address of a NATS server on the command line that has a password or a token in it.
func warnOfLogin(w io.Writer, flag, address, or string) {
	if shown := broker.RedactURL(address); strings.Contains(shown, "@") {
		fmt.Fprintf(w,
			"vigil: warning: %s %s was given with a password or a token, which every user of this machine can read "+
				"in the list of processes; "+
				"set $NATS_USER and $NATS_PASSWORD instead%s\n", flag, harmless(shown), or)
	}
}

// configuredNATS is the server that a configuration's alerts are read from: the external one, or the one inside vigil.
func configuredNATS(file string) (broker.DialOptions, error) {
	cfg, err := config.LoadParts(file, alertsParts...)
	if err != nil {
		return broker.DialOptions{}, usageError{err}
	}
	if cfg.NATS.URL != "" {
		return app.DialOptions(cfg.NATS), nil
	}
	e := cfg.NATS.Embedded
	if e.Port == 0 {
		return broker.DialOptions{},
			usageError{fmt.Errorf(
				"%s: nats.embedded.port is any free one: give --server with the address that vigil run logs", file)}
	}
	host := e.Host
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return broker.DialOptions{
		URL: "nats://" + net.JoinHostPort(host, strconv.Itoa(e.Port)), User: e.User,
		Password: e.Password.Reveal(),
	}, nil
}
