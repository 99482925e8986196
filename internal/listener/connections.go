package listener

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
)

// The limits of connections. An address of this machine may have all of them: it may be a proxy.
const (
	maxConnections     = 256
	maxFromOneAddress  = 64
	connectionsToClose = 8 // at once when there are too many, so that not every further one has to look for some
)

// connections are those of a server. When there are too many, those at which nothing is being answered are closed, the
// oldest first: many that are idle, or that send their requests slowly, do not keep others out.
type connections struct {
	mu  sync.Mutex
	all map[net.Conn]*connection
	seq uint64
}

type connection struct {
	from      string // the Network of the other end
	seq       uint64
	answering atomic.Int32 // requests; several over HTTP/2
}

type connectionKey struct{}

// context is http.Server.ConnContext, which is called first for each new connection.
func (c *connections) context(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, c.add(conn))
}

// state is http.Server.ConnState.
func (c *connections) state(conn net.Conn, s http.ConnState) {
	if s == http.StateClosed || s == http.StateHijacked {
		c.mu.Lock()
		delete(c.all, conn)
		c.mu.Unlock()
	}
}

func (c *connections) add(conn net.Conn) *connection {
	one := &connection{from: Network(conn.RemoteAddr().String())}
	c.mu.Lock()
	c.seq++
	one.seq = c.seq
	c.all[conn] = one
	var surplus []net.Conn
	same := func(o *connection) bool { return o.from == one.from }
	switch {
	case one.from != ThisMachine && c.count(same) > maxFromOneAddress:
		surplus = c.idle(same)
	case len(c.all) > maxConnections:
		surplus = c.idle(func(*connection) bool { return true })
	}
	c.mu.Unlock()
	for _, s := range surplus {
		go func() { _ = s.Close() }() // the server sees it; with TLS it may wait for the other end
	}
	return one
}

func (c *connections) count(which func(*connection) bool) (n int) {
	for _, o := range c.all {
		if which(o) {
			n++
		}
	}
	return n
}

// idle takes the oldest of those at which nothing is being answered. The new one is among them, and is the last.
func (c *connections) idle(which func(*connection) bool) []net.Conn {
	var all []net.Conn
	for conn, o := range c.all {
		if which(o) && o.answering.Load() == 0 {
			all = append(all, conn)
		}
	}
	slices.SortFunc(all, func(a, b net.Conn) int { return cmp.Compare(c.all[a].seq, c.all[b].seq) })
	all = all[:min(connectionsToClose, max(1, len(all)-1))]
	for _, conn := range all {
		delete(c.all, conn)
	}
	return all
}

// marking marks the connections of requests that are being answered: those of which all has come.
func (c *connections) marking(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if one, _ := r.Context().Value(connectionKey{}).(*connection); one != nil {
			var once sync.Once
			marked := false
			mark := func() { once.Do(func() { one.answering.Add(1); marked = true }) }
			if r.ContentLength == 0 {
				mark()
			} else {
				// In a copy: the server finds out by its own body whether what is left of it must end the connection.
				its := *r
				its.Body = &bodyReader{ReadCloser: r.Body, left: r.ContentLength, whole: mark}
				r = &its
			}
			defer func() {
				once.Do(func() {})
				if marked {
					one.answering.Add(-1)
				}
			}()
		}
		next.ServeHTTP(w, r)
	})
}

// bodyReader calls whole when a body has come.
type bodyReader struct {
	io.ReadCloser
	left  int64 // below 0 if the length is not known
	whole func()
}

func (b *bodyReader) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left == 0 || errors.Is(err, io.EOF) {
		b.whole()
	}
	return n, err
}

// ThisMachine is the Network of the addresses of this machine.
const ThisMachine = "localhost"

// Network is what the other end of a connection can choose its address from: an IPv4 address, the /64 of an IPv6
// address, or ThisMachine. An address of another form is its own.
func Network(remote string) string {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return remote
	}
	ip := at.Addr().Unmap().WithZone("")
	if ip.IsLoopback() {
		return ThisMachine // 127.0.0.2 is the same machine
	}
	if network, err := ip.Prefix(64); err == nil && ip.Is6() {
		return network.String()
	}
	return ip.String()
}
