// Package broker has the NATS server embedded in the process, and the connection to it or to any other NATS server.
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
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"vigil/alerts/store"
)

// DefaultPort is NATS's own.
const DefaultPort = 4222

const (
	startTimeout = 20 * time.Second // the stored streams are read before the server answers
	serverMemory = 64 << 20         // bytes for streams in memory, of which vigil has none
)

// Options describe the embedded server. The zero value but for Dir is a server for this machine alone.
type Options struct {
	Dir  string // where the streams are stored; created if it is missing
	Host string // 127.0.0.1 if empty; any address beyond this machine needs User and Password, or Accounts
	Port int    // DefaultPort if 0, any free one if -1
	// User has all rights. Where there is one, nobody reads without an account.
	User string
	// Password is compared as it stands, or as bcrypt if it has that form.
	Password string
	Log      *slog.Logger // of the server's own messages; nil discards them
	// NoListen makes the server reachable from inside the process only.
	NoListen bool
	// Accounts are further ones. Without User, and on an address that only this machine reaches, everybody may read
	// who names no account.
	Accounts []Account
	// MQTTPort is where the server speaks MQTT 3.1.1 as well; 0 for nowhere, -1 for any free port.
	MQTTPort int
	// MQTTLogin is one that may publish over MQTT, for vigil itself; the zero value is none. MQTTTopics are what
	// topics begin with that readers may hear over MQTT.
	MQTTLogin  Login
	MQTTTopics []string
	// MaxStore and MaxMemory bound in bytes what all streams may take on the disk and in memory; 0 is room for vigil's
	// own, and 64 MiB. What there is already is never above the bound.
	MaxStore, MaxMemory int64
	// OnWriteError is called when a stream could not be written, as on a full disk: nothing more is stored in it
	// before a Restart. It must not block; it may be nil.
	OnWriteError func(error)
	// Prepare looks after the files in Dir before each start of the server, while this process alone may touch them;
	// after an error it is not started. nil sets aside what is damaged, as far as it can be known without those who
	// write there.
	Prepare func(dir string) error
	// SyncLazily leaves it to the system when an acknowledged message reaches the disk; a power cut may lose it.
	SyncLazily bool
}

// Server is a NATS server in this process, with JetStream on disk.
type Server struct {
	opts Options
	lock *dirLock
	// socket is for programs of the same user, and nil where it could not be opened; tcp is for all others, and nil on
	// a private server.
	socket, tcp *socketBridge
	logins      logins
	consumers   consumers
	origin      *origin

	mu             sync.RWMutex
	nats           *natsserver.Server
	shutDown       bool
	dirs           dirIdentity
	closingBridges sync.WaitGroup // bridges that were replaced
	damage         []store.Damage // found by the default of Options.Prepare
}

// Start starts a server and waits until it answers. An acknowledged message has been synced to the disk. The errors
// say what is in the way: a directory that is full, not writable or another vigil's, an address that is taken, or
// one that others can reach without credentials. ctx bounds the start only; Shutdown ends the server.
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
		// As where a path is longer than a socket's may be: alerts are not concerned.
		newServerLog(o.Log, nil).Warnf("programs of this machine cannot read the store %s while it is open: %v",
			o.Dir, err)
	}
	if listener != nil {
		s.tcp = newSocketBridge(listener, s.InProcessConn, s.forwardAsClient, maxWriteStall)
	}
	return s, nil
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
	if err == nil {
		s.dirs = identifyDirs(s.opts.Dir)
	}
	return ns, err
}

// prepare sets aside what is damaged.
func (s *Server) prepare(dir string) error {
	known, _, err := store.ReadState(dir)
	if err == nil {
		s.damage, err = store.Prepare(dir, known, time.Now())
	}
	return err
}

// Damage is what was found before the start where no Options.Prepare was given.
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
		DontListen:             true, // socketBridges do
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

// waitReady waits for the server, or for what it reports as fatal: it would end its own process and cannot end ours.
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

// InProcessConn connects inside the process, to the server that runs now.
func (s *Server) InProcessConn() (net.Conn, error) { return s.current().InProcessConn() }

func (s *Server) current() *natsserver.Server {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.nats
}

// ownOptions connect inside the process as vigil itself. Answers come to inboxes that no other account may hear.
func (s *Server) ownOptions() []nats.Option {
	return []nats.Option{
		nats.InProcessServer(s), nats.UserInfo(s.logins.own.User, s.logins.own.Password),
		nats.CustomInboxPrefix(ownInboxPrefix),
		nats.MaxReconnects(-1), nats.ReconnectWait(localReconnectPause), nats.ReconnectJitter(0, 0),
	}
}

// ownInboxPrefix is what the inboxes of vigil itself begin with.
const ownInboxPrefix = "_VIGIL"

// Restart ends the server and starts it again on the same directory and address. JetStream remembers a failed write
// until then and refuses whatever comes after it. Connections break and reconnect by themselves. After an error the
// server is down, and Restart may be called again.
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

// URL is where programs on this machine reach the server, without credentials.
func (s *Server) URL() string {
	if s.tcp == nil {
		return "nats://127.0.0.1:4222" // of a private server: never dialled, but a client must be given one
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

// Shutdown stops the server and waits until its files are closed. Connections to it should be closed before.
func (s *Server) Shutdown() error {
	defer s.closingBridges.Wait()
	s.mu.RLock()
	bridges := []*socketBridge{s.tcp, s.socket}
	s.mu.RUnlock()
	for _, d := range bridges {
		if d != nil {
			d.close() // its goroutines may ask for the server
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
