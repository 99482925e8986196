// Package faultproxy is a proxy between a camera and its clients that simulates faults of networks and cameras.
//
// It forwards TCP, and understands enough of RTSP to damage media packets without breaking the control messages.
package faultproxy

import (
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Fault is a fault that a Proxy simulates.
type Fault int

// The faults.
const (
	None     Fault = iota // forwards everything
	Refuse                // refuses new connections, closes existing ones
	Mute                  // accepts new connections and sends nothing; closes existing ones
	Stall                 // stops forwarding, keeps connections open
	HalfOpen              // the camera's side is closed, the client's stays open
	Reset                 // resets existing connections at once, new ones on accept
	Garbage               // sends random bytes in place of the camera's
	Corrupt               // changes random bytes of media packets
	Trickle               // forwards a few bytes a second
	Empty                 // no frames, and no frame size in the description: a camera of 0x0 pixels
)

var names = [...]string{
	"none", "refuse", "mute", "stall", "half-open", "reset", "garbage", "corrupt",
	"trickle", "empty",
}

// String is the fault's name.
func (f Fault) String() string { return names[f] }

// Faults returns all of them except None.
func Faults() []Fault {
	return []Fault{Refuse, Mute, Stall, HalfOpen, Reset, Garbage, Corrupt, Trickle, Empty}
}

// Proxy forwards connections to one server.
type Proxy struct {
	t      testing.TB
	target string
	addr   string
	fault  atomic.Int32

	mu       sync.Mutex
	rng      *rand.Rand
	listener net.Listener // nil while refusing connections
	pairs    map[*pair]bool
	closed   bool
	running  sync.WaitGroup
}

type pair struct{ client, server net.Conn }

// Start forwards a free port of 127.0.0.1 to the URL's host until the test ends. seed determines the random damage.
func Start(t testing.TB, target string, seed uint64) *Proxy {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{
		t: t, target: u.Host, addr: "127.0.0.1:0", rng: rand.New(rand.NewPCG(seed, 1)),
		pairs: map[*pair]bool{},
	} //nolint:gosec // Damage need not be secret.
	if err := p.listen(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	return p
}

// URL is the target's URL with the proxy's host.
func (p *Proxy) URL(target string) string { return strings.Replace(target, p.target, p.addr, 1) }

// Set changes the fault, also for existing connections.
func (p *Proxy) Set(f Fault) {
	p.t.Helper()
	p.fault.Store(int32(f))
	p.mu.Lock()
	listens := p.listener != nil
	if f == Refuse && listens {
		_ = p.listener.Close()
		p.listener = nil
	}
	p.mu.Unlock()
	switch f {
	case Refuse, Mute, Empty:
		p.cut(false)
	case Reset:
		p.cut(true)
	case HalfOpen:
		p.mu.Lock()
		for c := range p.pairs {
			_ = c.server.Close()
		}
		p.mu.Unlock()
	}
	if f != Refuse && !listens {
		if err := p.listen(); err != nil {
			p.t.Error(err)
		}
	}
}

// Cut resets every connection.
func (p *Proxy) Cut() { p.cut(true) }

func (p *Proxy) cut(reset bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.pairs {
		if tcp, ok := c.client.(*net.TCPConn); ok && reset {
			_ = tcp.SetLinger(0)
		}
		_ = c.client.Close()
		_ = c.server.Close()
	}
}

func (p *Proxy) listen() error {
	var err error
	var l net.Listener
	// The port may take a moment to become free again.
	for range 50 {
		if l, err = net.Listen("tcp", p.addr); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listener, p.addr = l, l.Addr().String()
	p.running.Go(func() { p.accept(l) })
	return nil
}

func (p *Proxy) close() {
	p.mu.Lock()
	p.closed = true
	if p.listener != nil {
		_ = p.listener.Close()
	}
	p.mu.Unlock()
	p.cut(false)
	p.running.Wait()
}

func (p *Proxy) accept(l net.Listener) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.serve(client) })
	}
}

func (p *Proxy) now() Fault { return Fault(p.fault.Load()) }

func (p *Proxy) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	if p.now() == Reset {
		if tcp, ok := client.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		return
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	c := &pair{client, server}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.pairs[c] = true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.pairs, c)
		p.mu.Unlock()
	}()
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(gate{p, server}, client)
		_ = server.Close()
	})
	p.forward(client, server)
	if p.now() == HalfOpen {
		_, _ = io.Copy(io.Discard, client) // the client may still send
	}
	_ = client.Close()
	both.Wait()
}

// gate forwards or drops what the client sends.
type gate struct {
	p *Proxy
	w io.Writer
}

func (g gate) Write(b []byte) (int, error) {
	switch g.p.now() {
	case Mute, Stall, HalfOpen:
		return len(b), nil
	}
	return g.w.Write(b)
}
