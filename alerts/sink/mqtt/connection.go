package mqtt

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"golang.org/x/net/proxy"

	"vigil/internal/errcode"
)

const (
	qos            = 1
	connectTimeout = 5 * time.Second
	ackTimeout     = 10 * time.Second
	keepAlive      = 15 * time.Second
	// writeTimeout is how long a write may block before the connection counts as lost.
	writeTimeout = 10 * time.Second
	// publishTimeout is how long a message waits for earlier ones to be written.
	publishTimeout = 2 * time.Second
	quiesce        = 250 // milliseconds for pending messages at the end
)

var errLost = errors.New("connection lost")

// connection is one connection with a client of its own, which is never reused, so that messages of an earlier one
// cannot be confused with it.
type connection struct {
	client   paho.Client
	connLost chan struct{} // closed when it is lost or ended
	work     sync.WaitGroup

	mu  sync.Mutex
	raw net.Conn
	err error // why it ended
}

// login are the login data of a client.
type login struct {
	clientID, user, password string
	tls                      *tls.Config
	will                     string // topic of the last will; empty for none
}

// dial connects to the broker and logs in.
func dial(ctx context.Context, where string, in login) (*connection, error) {
	c := &connection{connLost: make(chan struct{})}
	o := paho.NewClientOptions().AddBroker(where).SetClientID(in.clientID).SetUsername(in.user).SetPassword(
		in.password).
		SetConnectTimeout(connectTimeout).SetKeepAlive(keepAlive).SetWriteTimeout(publishTimeout).SetCleanSession(
		true).SetProtocolVersion(4).
		// The caller reconnects itself, so that the cause of a failure can be reported.
		SetAutoReconnect(false).SetConnectRetry(false).
		SetCustomOpenConnectionFn(func(u *url.URL, _ paho.ClientOptions) (net.Conn,
			error,
		) {
			return c.open(ctx, u, in.tls)
		})
	if in.will != "" {
		o.SetWill(in.will, Offline, qos, true)
	}
	c.client = paho.NewClient(o)
	if err := wait(ctx, c.client.Connect(), nil, 2*connectTimeout); err != nil {
		c.drop(err)
		return nil, err
	}
	return c, nil
}

// open opens the network connection of the client.
func (c *connection) open(ctx context.Context, u *url.URL, secure *tls.Config) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	raw, err := proxy.Dial(ctx, "tcp", u.Host) // directly, if the environment sets no proxy
	if err != nil {
		return nil, err
	}
	conn := raw
	if u.Scheme == "ssl" {
		secure = secure.Clone()
		if secure == nil {
			secure = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		if secure.ServerName == "" {
			secure.ServerName = u.Hostname()
		}
		t := tls.Client(raw, secure)
		if err := t.HandshakeContext(ctx); err != nil {
			_ = raw.Close()
			return nil, err
		}
		conn = t
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil { // abandoned meanwhile
		_ = raw.Close()
		return nil, c.err
	}
	c.raw = raw
	return &watchedConn{Conn: conn, c: c}, nil
}

// watchedConn ends its connection at the first error, at a packet that is too large, and when a write blocks for too
// long.
type watchedConn struct {
	net.Conn
	c     *connection
	limit packetLimit // of what is read
}

func (w *watchedConn) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if large := w.limit.check(b[:n]); large != nil {
		return 0, w.c.end(large)
	}
	if err != nil {
		err = w.c.end(err)
	}
	return n, err
}

func (w *watchedConn) Write(b []byte) (int, error) {
	err := w.SetWriteDeadline(time.Now().Add(writeTimeout))
	n := 0
	if err == nil {
		n, err = w.Conn.Write(b)
	}
	if err != nil {
		err = w.c.end(err)
	}
	return n, err
}

func (w *watchedConn) Close() error {
	_ = w.c.end(errors.New("the broker does not answer")) // the client itself closes it if a ping is not answered
	return nil
}

// end ends the connection with a reason, and returns the first reason.
func (c *connection) end(why error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = why
		close(c.connLost)
		if c.raw != nil {
			_ = c.raw.Close()
		}
	}
	return c.err
}

// cause returns the reason why the connection ended, or nil.
func (c *connection) cause() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// start registers work with the connection; it returns the reason if that has ended, since drop may already be waiting.
func (c *connection) start(work func()) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	c.work.Go(work)
	return nil
}

// drop ends the connection without DISCONNECT, so that the broker publishes the last will, and waits for its users.
func (c *connection) drop(why error) {
	_ = c.end(cmp.Or(why, errLost))
	c.client.Disconnect(0)
	c.work.Wait()
}

// logOut disconnects cleanly, without the last will.
func (c *connection) logOut() {
	c.client.Disconnect(quiesce)
	c.drop(errors.New("closed"))
}

// publish returns once the broker has acknowledged a message.
func (c *connection) publish(ctx context.Context, topic string, data []byte, retained bool) error {
	// The client itself blocks if the broker does not read, even after the connection has ended.
	published := make(chan paho.Token, 1)
	if err := c.start(func() { published <- c.client.Publish(topic, qos, retained, data) }); err != nil {
		return err
	}
	select {
	case t := <-published:
		if err := c.acknowledged(ctx, t); err != nil {
			return fmt.Errorf("publish to %s: %w", topic, err)
		}
		return nil
	case <-c.connLost:
		return c.cause()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// acknowledged waits until the broker has acknowledged, or the connection has ended.
func (c *connection) acknowledged(ctx context.Context, t paho.Token) error {
	err := wait(ctx, t, c.connLost, ackTimeout)
	if err == nil {
		return nil
	}
	if gone := c.cause(); gone != nil {
		return gone
	}
	return err
}

// wait waits for a token, with a timeout.
func wait(ctx context.Context, t paho.Token, gone <-chan struct{}, most time.Duration) error {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-t.Done():
		return t.Error()
	case <-gone:
		return errLost
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return errcode.SinkNotAcknowledged.Wrap(fmt.Errorf("not acknowledged within %v", most))
	}
}
