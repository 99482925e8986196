// Package broker provides the NATS server embedded in the process, and the connection to it or to any other NATS
// server.
//
// An alerts.Alert goes in and is stored in the stream VIGIL_ALERTS before Publish returns. The invariants: a message
// keeps its id however often it is sent, and no credential leaves this package in an error.
package broker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"vigil/alerts/store"
	"vigil/internal/errcode"
)

// DefaultPort is the standard port of NATS.
const DefaultPort = 4222

const (
	startTimeout = 20 * time.Second // the server reads the stored streams before it answers
	serverMemory = 64 << 20         // bytes for streams in memory; vigil uses none
)

// Options describe the embedded server. The zero value except for Dir is a server for this machine only.
type Options struct {
	Dir  string // directory of the streams; created if missing
	Host string // 127.0.0.1 if empty; any address beyond this machine needs User and Password, or Accounts
	Port int    // DefaultPort if 0, any free one if -1
	// User has all rights. If it is set, reading also requires an account.
	User string
	// Password is in plain text or a bcrypt hash.
	Password string
	Log      *slog.Logger // for the server's own messages; nil discards them
	// NoListen makes the server reachable only from inside the process.
	NoListen bool
	// Accounts are additional accounts. Without User, on a loopback address, clients without an account may read.
	Accounts []Account
	// MQTTPort is the port for MQTT 3.1.1; 0 for none, -1 for any free port.
	MQTTPort int
	// MQTTLogin is the account with which vigil publishes over MQTT; the zero value is none. MQTTTopics are the
	// prefixes of topics that readers may subscribe to over MQTT.
	MQTTLogin  Login
	MQTTTopics []string
	// MaxStore and MaxMemory bound in bytes what all streams may use on the disk and in memory; 0 is enough for vigil's
	// own, and 64 MiB. The bound is raised to what is already stored.
	MaxStore, MaxMemory int64
	// OnWriteError is called when a stream could not be written, for example on a full disk: nothing more is stored in
	// it before a Restart. It must not block; it may be nil.
	OnWriteError func(error)
	// Prepare checks the files in Dir before each start of the server, while no other process uses them; after an error
	// the server is not started. nil quarantines what is damaged according to the files and the ledger.
	Prepare func(dir string) error
	// SyncLazily leaves the syncing of acknowledged messages to the system; a power cut may lose some.
	SyncLazily bool
}

// Server is a NATS server in this process, with JetStream on disk.
type Server struct {
	opts Options
	lock *dirLock
	// socket serves programs of the same user, and is nil if it could not be opened; tcp serves all others, and is nil
	// with NoListen.
	socket, tcp *socketBridge
	logins      logins
	consumers   consumers
	origin      *origin

	mu             sync.RWMutex
	nats           *natsserver.Server
	shutDown       bool
	dirs           dirIdentity
	starts         atomic.Uint64
	closingBridges sync.WaitGroup // replaced bridges
	damage         []store.Damage // found by the default Options.Prepare
}

// Start starts a server and waits until it answers. Acknowledged messages are synced to the disk. Errors name the
// cause: a directory that is full, not writable or used by another vigil, an address in use, or one that other machines
// can reach without credentials. ctx bounds only the start; Shutdown ends the server.
func Start(ctx context.Context, o Options) (*Server, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	lock, err := lockAndProbeDir(o.Dir)
	if err != nil {
		return nil, err
	}
	s := &Server{opts: o, lock: lock, logins: newLogins()}
	if s.origin, err = openOrigin(o.Dir, newServerLog(o.Log, nil)); err != nil {
		return nil, errors.Join(err, lock.release())
	}
	s.consumers = consumers{server: s, owners: map[string]*clientSession{}}
	var listener net.Listener
	if !o.NoListen {
		if listener, err = listen(o.Host, o.Port); err != nil {
			return nil, errors.Join(err, lock.release())
		}
	}
	if s.nats, err = s.prepareAndStart(ctx); err != nil {
		if listener != nil {
			err = errors.Join(err, listener.Close())
		}
		return nil, errors.Join(err, lock.release())
	}
	if s.socket, err = listenUnix(o.Dir, s); err != nil {
		// For example, if the path is too long for a socket; alerts are not affected.
		s.logNoSocket(err)
	}
	if listener != nil {
		s.tcp = newSocketBridge(listener, s.InProcessConn, s.forwardAsClient, maxWriteStall)
	}
	return s, nil
}

// logNoSocket logs why programs of this machine cannot read the store while it is open.
func (s *Server) logNoSocket(err error) {
	newServerLog(s.opts.Log, nil).log.Warn("programs of this machine cannot read the store while it is open",
		"store", s.opts.Dir, "error", err, errcode.Key, errcode.StoreUnreadable)
}

// prepareAndStart prepares the directory and starts the server on it.
func (s *Server) prepareAndStart(ctx context.Context) (*natsserver.Server, error) {
	prepare := s.opts.Prepare
	if prepare == nil {
		prepare = s.prepare
	}
	if err := prepare(s.opts.Dir); err != nil {
		return nil, err
	}
	ns, err := startServer(ctx, s.opts, s.logins)
	if err != nil {
		return nil, err
	}
	s.dirs = identifyDirs(s.opts.Dir)
	if !s.lock.at(s.opts.Dir) { // replaced since it was locked: the server runs on files that nobody checked
		ns.Shutdown()
		ns.WaitForShutdown()
		return nil, fmt.Errorf("alert store %s: %w", s.opts.Dir, ErrMoved)
	}
	s.starts.Add(1)
	return ns, nil
}

// Starts returns how often the server was started. What was read between two equal results comes from one directory.
func (s *Server) Starts() uint64 { return s.starts.Load() }

// prepare quarantines damaged files.
func (s *Server) prepare(dir string) error {
	known, _, err := store.ReadState(dir)
	if err == nil {
		s.damage, err = store.Prepare(dir, known, time.Now())
	}
	return err
}

// Damage returns the damage found before the start if Options.Prepare is nil.
func (s *Server) Damage() []store.Damage { return s.damage }

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
	names := map[string]bool{o.User: true}
	for _, a := range o.Accounts {
		if err := a.check(); err != nil {
			return err
		}
		if names[a.Name] {
			return fmt.Errorf("embedded NATS: account %s is given twice", a.Name)
		}
		names[a.Name] = true
	}
	if o.NoListen {
		return nil
	}
	if o.User == "" && len(o.Accounts) == 0 && !loopback(o.Host) {
		return fmt.Errorf(
			"embedded NATS on %s can be reached by others: set a user and a password, or bind it to 127.0.0.1", o.Host)
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

func startServer(ctx context.Context, o Options, own logins) (*natsserver.Server, error) {
	log := newServerLog(o.Log, o.OnWriteError)
	options := &natsserver.Options{
		ServerName:             "vigil",
		DontListen:             true, // the socketBridges listen instead
		NoSigs:                 true,
		JetStream:              true,
		StoreDir:               o.Dir,
		SyncAlways:             !o.SyncLazily,
		JetStreamMaxMemory:     cmp.Or(o.MaxMemory, serverMemory),
		JetStreamMaxStore:      storeLimit(o),
		DisableJetStreamBanner: true,
	}
	o.authorize(options, own)
	if o.MQTTPort != 0 && !o.NoListen {
		options.MQTT.Host, options.MQTT.Port = o.Host, o.MQTTPort
	}
	ns, err := natsserver.NewServer(options)
	if err != nil {
		return nil, fmt.Errorf("embedded NATS: %w", err)
	}
	ns.SetLoggerV2(log, false, false, false)
	ns.Start()
	if err := waitReady(ctx, ns, log); err != nil {
		ns.Shutdown()
		ns.WaitForShutdown()
		return nil, fmt.Errorf("alert store %s: %w", o.Dir, err)
	}
	return ns, nil
}

// waitReady waits for the server to be ready or to report a fatal error. A stock server would exit the process; the
// embedded one must not.
func waitReady(ctx context.Context, ns *natsserver.Server, log *serverLog) error {
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

// InProcessConn connects inside the process to the current server.
func (s *Server) InProcessConn() (net.Conn, error) { return s.current().InProcessConn() }

func (s *Server) current() *natsserver.Server {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.nats
}

// ownOptions connect inside the process with vigil's own account. Replies go to inboxes that no other account may
// subscribe to.
func (s *Server) ownOptions() []nats.Option {
	return []nats.Option{
		nats.InProcessServer(s), nats.UserInfo(s.logins.own.User, s.logins.own.Password),
		nats.CustomInboxPrefix(ownInboxPrefix),
		nats.MaxReconnects(-1), nats.ReconnectWait(localReconnectPause), nats.ReconnectJitter(0, 0),
	}
}

// ownInboxPrefix is the prefix of vigil's own inboxes.
const ownInboxPrefix = "_VIGIL"

// Restart stops the server and starts it again on the same directory and address. After a failed write JetStream
// refuses all further ones until then. Connections break and reconnect by themselves. After an error the server is
// down, and Restart may be called again.
func (s *Server) Restart(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shutDown {
		return errors.New("embedded NATS was shut down")
	}
	s.nats.Shutdown()
	s.nats.WaitForShutdown()
	if err := s.relockDir(); err != nil {
		return err
	}
	ns, err := s.prepareAndStart(ctx)
	if err != nil {
		return err
	}
	s.nats = ns
	return s.origin.restoreFile()
}

// URL returns the address for programs on this machine, without credentials.
func (s *Server) URL() string {
	if s.tcp == nil {
		return "nats://127.0.0.1:4222" // with NoListen: never dialled, but the client requires one
	}
	addr, ok := s.tcp.listener.Addr().(*net.TCPAddr)
	if !ok {
		return "nats://127.0.0.1:4222"
	}
	host := addr.IP.String()
	if addr.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "nats://" + net.JoinHostPort(host, strconv.Itoa(addr.Port))
}

// Shutdown stops the server and waits until its files are closed. Close connections to it first.
func (s *Server) Shutdown() error {
	defer s.closingBridges.Wait()
	s.mu.RLock()
	bridges := []*socketBridge{s.tcp, s.socket}
	s.mu.RUnlock()
	for _, d := range bridges {
		if d != nil {
			d.close() // its goroutines may use the server
		}
	}
	s.consumers.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shutDown {
		return nil
	}
	if s.socket != nil && s.socket != bridges[1] {
		s.closingBridges.Go(s.socket.close)
	}
	s.shutDown = true
	s.nats.Shutdown()
	s.nats.WaitForShutdown()
	return s.lock.release()
}
