// Package broker carries alerts over NATS: a server of its own inside the process, and the connection to it or to any
// other NATS server.
//
// An alerts.Alert goes in and is stored in the stream VIGIL_ALERTS before Publish returns. The invariants: a message
// keeps its id however often it is sent, and no credential leaves this package in an error.
package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
)

// DefaultPort is NATS's own.
const DefaultPort = 4222

const (
	startTimeout = 20 * time.Second // the stored streams are read before the server answers
	serverMemory = 64 << 20         // bytes for consumers, which live in memory
	serverStore  = 1 << 40          // bytes; the streams have limits of their own
)

// Options describe the embedded server. The zero value but for Dir is a server for this machine alone.
type Options struct {
	Dir  string // where the streams are stored; created if it is missing
	Host string // 127.0.0.1 if empty; any address beyond this machine needs User and Password
	Port int    // DefaultPort if 0, any free one if -1
	User string
	// Password is compared as it stands, or as bcrypt if it has that form.
	Password string
	Log      *slog.Logger // of the server's own messages; nil discards them
}

// Server is a NATS server in this process, with JetStream on disk.
type Server struct {
	nats     *natsserver.Server
	lock     *dirLock
	user     string
	password string
	once     sync.Once
}

// Start starts a server and waits until it answers. An acknowledged message has been synced to the disk. The errors
// say what is in the way: a directory that is full, not writable or another vigil's, an address that is taken, or
// one that others can reach without credentials. ctx bounds the start only; Shutdown ends the server.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Host == "" {
		o.Host = "127.0.0.1"
	}
	if o.Port == 0 {
		o.Port = DefaultPort
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	lock, err := claimDir(o.Dir)
	if err != nil {
		return nil, err
	}
	s, err := start(ctx, o)
	if err != nil {
		return nil, errors.Join(err, lock.release())
	}
	s.lock = lock
	return s, nil
}

func (o Options) check() error {
	if o.Dir == "" {
		return errors.New("embedded NATS needs a directory for its streams")
	}
	if o.Port < -1 || o.Port > 65535 {
		return fmt.Errorf("embedded NATS: port %d is not from 1 to 65535", o.Port)
	}
	if (o.User == "") != (o.Password == "") {
		return errors.New("embedded NATS: set both user and password, or neither")
	}
	if o.User == "" && !loopback(o.Host) {
		return fmt.Errorf("embedded NATS on %s can be reached by others: set a user and a password, or bind it to 127.0.0.1", o.Host)
	}
	return probeAddress(o.Host, o.Port)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func start(ctx context.Context, o Options) (*Server, error) {
	log := newServerLog(o.Log)
	ns, err := natsserver.NewServer(&natsserver.Options{
		ServerName:             "vigil-" + strconv.Itoa(os.Getpid()),
		Host:                   o.Host,
		Port:                   o.Port,
		Username:               o.User,
		Password:               o.Password,
		NoSigs:                 true,
		JetStream:              true,
		StoreDir:               o.Dir,
		SyncAlways:             true,
		JetStreamMaxMemory:     serverMemory,
		JetStreamMaxStore:      serverStore,
		DisableJetStreamBanner: true,
	})
	if err != nil {
		return nil, fmt.Errorf("embedded NATS: %w", err)
	}
	ns.SetLoggerV2(log, false, false, false)
	ns.Start()
	if err := ready(ctx, ns, log); err != nil {
		ns.Shutdown()
		ns.WaitForShutdown()
		return nil, err
	}
	return &Server{nats: ns, user: o.User, password: o.Password}, nil
}

// ready waits for the server, or for what it reports as fatal: it would end its own process and cannot end ours.
func ready(ctx context.Context, ns *natsserver.Server, log *serverLog) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		if err := log.fatal(); err != nil {
			return fmt.Errorf("embedded NATS: %w", err)
		}
		if ns.ReadyForConnections(50 * time.Millisecond) {
			if !ns.JetStreamEnabled() {
				return errors.New("embedded NATS started without its streams")
			}
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("embedded NATS does not answer: %w", context.Cause(ctx))
		}
	}
}

// URL is where programs on this machine reach the server, without credentials.
func (s *Server) URL() string {
	addr, ok := s.nats.Addr().(*net.TCPAddr)
	if !ok {
		return s.nats.ClientURL()
	}
	host := addr.IP.String()
	if addr.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "nats://" + net.JoinHostPort(host, strconv.Itoa(addr.Port))
}

// Shutdown stops the server and waits until its files are closed. Connections to it should be closed before.
func (s *Server) Shutdown() error {
	var err error
	s.once.Do(func() {
		s.nats.Shutdown()
		s.nats.WaitForShutdown()
		err = s.lock.release()
	})
	return err
}
