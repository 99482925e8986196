// Package listener serves HTTP to programs of this machine.
//
// A handler goes in; requests reach it only if they are GET or HEAD and name this machine as their host, so that no web
// page can read the answers by letting its own name point to this machine (DNS rebinding). A handler that decides about
// requests itself gets all of them, also on an address that other machines reach. Every connection has time limits, and
// when there are too many, those at which nothing is being answered are closed.
package listener

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"vigil/internal/errcode"
)

const (
	maxHeaderBytes = 8 << 10
	headerTimeout  = 5 * time.Second
	readTimeout    = 10 * time.Second
	writeTimeout   = 30 * time.Second
	idleTimeout    = time.Minute
)

// Options describe a Server.
type Options struct {
	// Address is a loopback address with a port, as CheckAddress accepts it; port 0 is any free one.
	Address string
	Handler http.Handler
	// Guarded says that Handler itself decides about hosts, methods and logins. Then other machines may reach Address.
	Guarded bool
	TLS     *tls.Config  // nil for HTTP
	Log     *slog.Logger // for what net/http reports, at level debug
	// WriteTimeout bounds a response; 0 is 30 s.
	WriteTimeout time.Duration
}

// Server is an HTTP server on an address of this machine.
type Server struct {
	http *http.Server
	tls  bool
	at   net.Addr
	done chan struct{}
}

// ErrInUse is the error of Open if another program listens on the address.
var ErrInUse = errcode.ServerNoHTTP.New("another program listens there")

// ErrReachable is the error of CheckAddress for an address that other machines reach.
var ErrReachable = errors.New("can be reached by other machines; must be an address of this machine, such as " +
	"127.0.0.1:8080, or off")

// CheckAddress returns an error if an address is not host:port, or ErrReachable if other machines can reach it.
func CheckAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return errors.New("must be an address of this machine with a port, such as 127.0.0.1:8080, or off")
	}
	if !IsThisMachine(host) {
		return ErrReachable
	}
	return nil
}

// IsThisMachine reports whether a host is localhost or a loopback address.
func IsThisMachine(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// Open begins to serve. The error wraps ErrInUse if the address is taken.
func Open(o Options) (*Server, error) {
	if err := CheckAddress(o.Address); err != nil && (!o.Guarded || !errors.Is(err, ErrReachable)) {
		return nil, fmt.Errorf("%s: %w", o.Address, err)
	}
	l, err := net.Listen("tcp", o.Address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s: %w", o.Address, ErrInUse)
	}
	if err != nil {
		return nil, errcode.ServerNoHTTP.Wrap(err)
	}
	if at, ok := l.Addr().(*net.TCPAddr); ok && !at.IP.IsLoopback() && CheckAddress(o.Address) == nil {
		err := fmt.Errorf(
			"%s is %s here, which other machines may reach: give the address itself, such as 127.0.0.1:8080",
			o.Address, at.IP)
		return nil, errors.Join(errcode.ServerNoHTTP.Wrap(err), l.Close())
	}
	s := &Server{tls: o.TLS != nil, at: l.Addr(), done: make(chan struct{})}
	handler := o.Handler
	if !o.Guarded {
		handler = guard(handler)
	}
	all := &connections{all: map[net.Conn]*connection{}}
	s.http = &http.Server{
		Handler: all.marking(handler), ConnState: all.state, ConnContext: all.context, TLSConfig: o.TLS,
		MaxHeaderBytes: maxHeaderBytes, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout,
		WriteTimeout: max(writeTimeout, o.WriteTimeout), IdleTimeout: idleTimeout,
		ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
	}
	go func() {
		defer close(s.done)
		serve := s.http.Serve
		if o.TLS != nil {
			serve = func(l net.Listener) error { return s.http.ServeTLS(l, "", "") }
		}
		if err := serve(l); !errors.Is(err, http.ErrServerClosed) {
			o.Log.Debug("HTTP listener ended", "error", err)
		}
	}()
	return s, nil
}

// URL returns the address to open.
func (s *Server) URL() string {
	if s.tls {
		return "https://" + s.at.String()
	}
	return "http://" + s.at.String()
}

// Close stops listening and waits for responses in progress until ctx ends; then it cuts them.
func (s *Server) Close(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = s.http.Close()
	}
	<-s.done
	return err
}

// guard refuses what a program of this machine does not send.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cache-Control", "no-store")
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if !IsThisMachine(strings.Trim(host, "[]")) {
			http.Error(w, "this address answers only to 127.0.0.1, ::1 and localhost", http.StatusMisdirectedRequest)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
			return
		}
		next.ServeHTTP(w, r)
	})
}
