package capture

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"vigil/capture/source"
)

// tunnel terminates TLS with a camera on FFmpeg's behalf; FFmpeg connects to a local port. FFmpeg 5 does not verify the
// certificates of rtsps servers, nor those of servers that an https playlist refers to.
type tunnel struct {
	server   source.URL
	timeout  time.Duration
	config   *tls.Config
	listener net.Listener
	stop     context.CancelFunc // aborts its dials
	running  sync.WaitGroup

	mu     sync.Mutex
	ready  net.Conn // first connection, made before FFmpeg connects
	conns  map[net.Conn]bool
	closed bool
}

// openTunnel connects to the camera and verifies its certificate. It returns the URL for FFmpeg to open.
func openTunnel(ctx context.Context, addr source.Address, trust source.Trust, timeout time.Duration) (t *tunnel,
	url string,
	err error,
) {
	w := addr.URL()
	config, err := trust.TLSConfig(w.Hostname())
	if err != nil {
		return nil, "", err
	}
	t = &tunnel{server: w, timeout: timeout, config: config, conns: map[net.Conn]bool{}}
	switch t.ready, err = t.dial(ctx); {
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil, errors.Is(err, os.ErrDeadlineExceeded):
		return nil, "", fmt.Errorf("the server does not answer: %w", os.ErrDeadlineExceeded)
	case err != nil:
		return nil, "", err
	}
	if t.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
		return nil, "", errors.Join(err, t.ready.Close())
	}
	later, stop := context.WithCancel(context.WithoutCancel(ctx))
	t.stop = stop
	t.running.Go(func() { t.accept(later) })
	return t, strings.TrimSuffix(w.Scheme, "s") + "://" + w.Login + t.listener.Addr().String() + w.Rest, nil
}

// host is the tunnel's local address for FFmpeg.
func (t *tunnel) host() source.Host {
	at := t.listener.Addr().(*net.TCPAddr)
	return source.Host{Name: at.IP.String(), Port: at.Port}
}

func (t *tunnel) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	return connect(ctx, t.server, t.config)
}

func (t *tunnel) accept(ctx context.Context) {
	for {
		client, err := t.listener.Accept()
		if err != nil {
			return
		}
		t.running.Go(func() { t.serve(ctx, client) })
	}
}

func (t *tunnel) serve(ctx context.Context, client net.Conn) {
	defer t.done(client)
	t.mu.Lock()
	server := t.ready
	t.ready = nil
	t.mu.Unlock()
	if server == nil {
		var err error
		if server, err = t.dial(ctx); err != nil {
			return // FFmpeg notices the closed connection
		}
	}
	defer t.done(server)
	if !t.keep(client, server) {
		return
	}
	t.running.Go(func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	})
	_, _ = io.Copy(client, server)
}

// keep registers connections for close; it returns false if the tunnel is already closed.
func (t *tunnel) keep(conns ...net.Conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range conns {
		t.conns[c] = true
	}
	return !t.closed
}

func (t *tunnel) done(c net.Conn) {
	_ = c.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.conns, c)
}

// close closes every connection and waits for the goroutines.
func (t *tunnel) close() {
	t.stop()
	_ = t.listener.Close()
	t.mu.Lock()
	t.closed = true
	if t.ready != nil {
		_ = t.ready.Close()
	}
	for c := range t.conns {
		_ = c.Close()
	}
	t.mu.Unlock()
	t.running.Wait()
}
