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

// tunnel speaks TLS with a camera in FFmpeg's place, which talks to a port of this machine: FFmpeg 5 checks no
// certificate of an rtsps server, nor of what an https playlist leads to.
type tunnel struct {
	server   source.URL
	timeout  time.Duration
	config   *tls.Config
	listener net.Listener
	stop     context.CancelFunc // of what it dials
	running  sync.WaitGroup

	mu     sync.Mutex
	ready  net.Conn // the first connection, made before FFmpeg asks for it
	conns  map[net.Conn]bool
	closed bool
}

// openTunnel connects to the camera and checks its certificate. It returns the URL that FFmpeg is to open.
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

// host is where FFmpeg reaches the tunnel.
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
			return // FFmpeg sees that the other side hung up
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

// keep notes connections that close has to end; false once it has.
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

// close ends every connection and waits for what runs.
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
