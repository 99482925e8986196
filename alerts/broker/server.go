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
	"strconv"
	"strings"
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
	// Private is a server that no other program can reach: only connections inside the process.
	Private bool
	// MQTTPort is where the server speaks MQTT 3.1.1 as well; 0 for nowhere, -1 for any free port.
	MQTTPort int
	// OnWriteError hears that a stream could not be written, as on a full disk: nothing more is stored in it before a Restart. It
	// must not block; nil for nobody.
	OnWriteError func(error)
	// LazySync leaves it to the system when an acknowledged message reaches the disk, which a power cut may forestall.
	LazySync bool
}

// Server is a NATS server in this process, with JetStream on disk.
type Server struct {
	opts Options
	lock *dirLock
	door *door // nil where it could not be opened

	mu   sync.RWMutex
	nats *natsserver.Server
	over bool
}

// Start starts a server and waits until it answers. An acknowledged message has been synced to the disk. The errors
// say what is in the way: a directory that is full, not writable or another vigil's, an address that is taken, or
// one that others can reach without credentials. ctx bounds the start only; Shutdown ends the server.
func Start(ctx context.Context, o Options) (*Server, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	lock, err := claimDir(o.Dir)
	if err != nil {
		return nil, err
	}
	ns, err := start(ctx, o)
	if err != nil {
		return nil, errors.Join(err, lock.release())
	}
	s := &Server{opts: o, lock: lock, nats: ns}
	if s.door, err = openDoor(o.Dir, s.InProcessConn); err != nil {
		// As where a path is longer than a socket's may be: alerts are not concerned.
		newServerLog(o.Log, nil).Warnf("programs of this machine cannot read the store %s while it is open: %v", o.Dir, err)
	}
	return s, nil
}

func (o Options) withDefaults() Options {
	if o.Host == "" {
		o.Host = "127.0.0.1"
	}
	if o.Port == 0 {
		o.Port = DefaultPort
	}
	return o
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
	if o.Private {
		return nil
	}
	if o.User == "" && !loopback(o.Host) {
		return fmt.Errorf("embedded NATS on %s can be reached by others: set a user and a password, or bind it to 127.0.0.1", o.Host)
	}
	if o.MQTTPort != 0 {
		if err := probeAddress(o.Host, o.MQTTPort); err != nil {
			return fmt.Errorf("MQTT: %w", err)
		}
	}
	return probeAddress(o.Host, o.Port)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

func start(ctx context.Context, o Options) (*natsserver.Server, error) {
	log := newServerLog(o.Log, o.OnWriteError)
	options := &natsserver.Options{
		ServerName:             "vigil",
		DontListen:             o.Private,
		Host:                   o.Host,
		Port:                   o.Port,
		Username:               o.User,
		Password:               o.Password,
		NoSigs:                 true,
		JetStream:              true,
		StoreDir:               o.Dir,
		SyncAlways:             !o.LazySync,
		JetStreamMaxMemory:     serverMemory,
		JetStreamMaxStore:      serverStore,
		DisableJetStreamBanner: true,
	}
	if o.MQTTPort != 0 && !o.Private {
		options.MQTT.Host, options.MQTT.Port = o.Host, o.MQTTPort
	}
	ns, err := natsserver.NewServer(options)
	if err != nil {
		return nil, fmt.Errorf("embedded NATS: %w", err)
	}
	ns.SetLoggerV2(log, false, false, false)
	ns.Start()
	if err := ready(ctx, ns, log); err != nil {
		ns.Shutdown()
		ns.WaitForShutdown()
		return nil, fmt.Errorf("alert store %s: %w", o.Dir, err)
	}
	return ns, nil
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

// InProcessConn connects inside the process, to the server that runs now.
func (s *Server) InProcessConn() (net.Conn, error) { return s.current().InProcessConn() }

func (s *Server) current() *natsserver.Server {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.nats
}

// Restart ends the server and starts it again on the same directory and address. JetStream remembers a failed write until then and
// refuses whatever comes after it. Connections break and reconnect by themselves. After an error the server is down, and Restart may
// be called again.
func (s *Server) Restart(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return errors.New("embedded NATS was shut down")
	}
	if addr, ok := s.nats.Addr().(*net.TCPAddr); ok {
		s.opts.Port = addr.Port
	}
	s.nats.Shutdown()
	s.nats.WaitForShutdown()
	ns, err := start(ctx, s.opts)
	if err != nil {
		return err
	}
	s.nats = ns
	return nil
}

// URL is where programs on this machine reach the server, without credentials.
func (s *Server) URL() string {
	ns := s.current()
	addr, ok := ns.Addr().(*net.TCPAddr)
	if !ok {
		return "nats://127.0.0.1:4222" // of a private server: never dialled, but a client must be given one
	}
	host := addr.IP.String()
	if addr.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "nats://" + net.JoinHostPort(host, strconv.Itoa(addr.Port))
}

// Shutdown stops the server and waits until its files are closed. Connections to it should be closed before.
func (s *Server) Shutdown() error {
	if s.door != nil {
		s.door.close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return nil
	}
	s.over = true
	s.nats.Shutdown()
	s.nats.WaitForShutdown()
	return s.lock.release()
}
