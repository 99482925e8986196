package broker

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"vigil/internal/errcode"
)

// The states that OnState reports.
const (
	StateDisconnected = "disconnected" // the connection broke; it is retried forever
	StateReconnected  = "reconnected"
	StateConnected    = "connected" // first connection after ConnectInBackground
	StateRefused      = "refused"   // the server refused something, such as a subject without permission
	StateUnsent       = "unsent"    // an alert is not acknowledged yet and will be sent again
	StateWaiting      = "waiting"   // there is no stream yet
)

const (
	dialTimeout         = 3 * time.Second
	requestTimeout      = 4 * time.Second
	drainTimeout        = 5 * time.Second
	writeTimeout        = 5 * time.Second // for a server that stops reading
	reconnectPause      = 500 * time.Millisecond
	localReconnectPause = 20 * time.Millisecond // the embedded server is absent only during a restart
	pingInterval        = 10 * time.Second      // two unanswered pings count as a broken connection
)

// DialOptions describe the address of a NATS server and the login there.
type DialOptions struct {
	URL      string // nats://[user:password@]host[:port], also tls, ws and wss; several are separated by commas
	User     string
	Password string
	Token    string
	Creds    string // path of a credentials file
	NKey     string // path of a file with the seed of an nkey
	TLS      TLS
	Server   *Server
	// ConnectInBackground makes Dial return a Conn at once, which connects when the server is available; other errors
	// are found by Check and Deliver.
	ConnectInBackground bool
	// OnState receives connection changes; it may be called from several goroutines and must not block.
	OnState func(state string, err error)
	// OnUnreadable receives the sequence numbers of messages that the server has but cannot read, and that are skipped;
	// may be nil.
	OnUnreadable func(numbers []uint64)
	// local is the store directory of the process to connect to.
	local string
}

// Conn is a connection to NATS with access to the stream of alerts. Its methods may be called concurrently.
type Conn struct {
	nc           *nats.Conn
	js           jetstream.JetStream
	address      string // for errors, without credentials
	secrets      []string
	onState      func(string, error)
	onUnreadable func([]uint64)
	closed       chan struct{}
	origin       *origin // of the server in this process, else nil

	guards requestGuards
	queue  *sendQueue
}

// Dial connects and checks access to the stream, but creates nothing: the first alert does. It fails within seconds and
// reports the cause: no server, wrong credentials, JetStream disabled, or a missing permission. Once connected, a Conn
// reconnects until it is closed. With o.Server set it connects inside the process and needs no URL.
func Dial(ctx context.Context, o DialOptions) (*Conn, error) {
	c := &Conn{onUnreadable: o.OnUnreadable, closed: make(chan struct{}), queue: newSendQueue()}
	c.onState = func(state string, err error) {
		if o.OnState != nil {
			o.OnState(state, withCode(err))
		}
	}
	url, opts, err := c.options(o)
	if err != nil {
		return nil, err
	}
	if c.nc, err = connect(ctx, url, opts); err != nil {
		return nil, fmt.Errorf("NATS at %s: %w", c.address, c.connectError(withCode(err)))
	}
	if c.nc.IsConnected() { // else keep the state: the connection may have been made meanwhile
		c.queue.connected.Store(true)
	}
	go c.runSendQueue()
	if c.js, err = jetstream.New(c.nc); err != nil {
		c.nc.Close()
		return nil, fmt.Errorf("NATS at %s: %w", c.address, err)
	}
	if o.ConnectInBackground {
		return c, nil
	}
	if _, err := c.stream(ctx); err != nil && !errors.Is(err, ErrNoStream) {
		c.nc.Close()
		return nil, err
	}
	return c, nil
}

func (c *Conn) options(o DialOptions) (string, []nats.Option, error) {
	opts := []nats.Option{
		nats.Name("vigil"),
		nats.Timeout(dialTimeout),
		nats.DrainTimeout(drainTimeout),
		nats.FlusherTimeout(writeTimeout),
		nats.PingInterval(pingInterval),
		nats.MaxPingsOutstanding(2),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(reconnectPause),
		nats.IgnoreAuthErrorAbort(),
		// Do not buffer while disconnected: Publish retries anyway, and a buffered score would be stale.
		nats.ReconnectBufSize(-1),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { c.onDisconnect(err) }),
		nats.ReconnectHandler(func(*nats.Conn) { c.onConnect(StateReconnected) }),
		nats.ClosedHandler(func(*nats.Conn) { close(c.closed) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { c.onServerError(err) }),
	}
	switch {
	case o.local != "":
		c.address = "the store " + o.local
		opts = append(opts, nats.SetCustomDialer(unixDialer(filepath.Join(o.local, socketName))),
			nats.CustomInboxPrefix(ownInboxPrefix))
		// access is decided by the socket's permissions
		o.User, o.Password, o.Token, o.Creds, o.NKey, o.TLS = "", "", "", "", "", TLS{}
		// not resolved: the dialer ignores it
		o.URL = "nats://127.0.0.1"
	case o.Server != nil:
		c.address = "the embedded server"
		own := o.Server.logins.own
		c.origin = o.Server.origin
		o.User, o.Password, o.Token, o.Creds, o.NKey, o.TLS = own.User, own.Password, "", "", "", TLS{}
		opts = append(opts, o.Server.ownOptions()...)
		o.URL = o.Server.URL()
	default:
		c.address = RedactURL(o.URL)
	}
	all, err := parseURLs(o.URL)
	if err != nil {
		return "", nil, err
	}
	var urls []string
	for _, a := range all {
		urls = append(urls, a.url)
		c.secrets = append(c.secrets, a.secrets...)
	}
	c.secrets = append(c.secrets, o.Password, o.Token)
	more, err := o.authOptions()
	if err != nil {
		return "", nil, err
	}
	opts = append(opts, more...)
	if o.ConnectInBackground {
		opts = append(opts, nats.RetryOnFailedConnect(true),
			nats.ConnectHandler(func(*nats.Conn) { c.onConnect(StateConnected) }))
	}
	return strings.Join(urls, ","), opts, nil
}

// scrub drops an error's chain if it could reveal a credential.
func (c *Conn) scrub(err error) error {
	if err == nil {
		return nil
	}
	text, clean := err.Error(), err.Error()
	for _, secret := range c.secrets {
		if secret != "" {
			clean = strings.ReplaceAll(clean, secret, "***")
		}
	}
	if clean == text {
		return err
	}
	return errcode.Of(err).Wrap(errors.New(clean))
}

// Close flushes pending messages and closes the connection. It waits for a few seconds at most.
func (c *Conn) Close() error {
	c.closeSendQueue()
	if err := c.nc.Drain(); err != nil {
		c.nc.Close()
	}
	<-c.closed
	return nil
}
