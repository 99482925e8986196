package access

import (
	"context"
	"net"
	"os"
)

// ConnContext is that of http.Server. It notes which user is at the other end of a connection to the Unix socket, so
// that a Guard knows that user; other connections are left as they are.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	unix, ok := c.(*net.UnixConn)
	if !ok {
		return ctx
	}
	uid, err := peerUID(unix)
	return context.WithValue(ctx, peerKey, peer{uid, err})
}

// peer is the other end of a connection to the Unix socket.
type peer struct {
	uid int
	err error // why it is not known
}

// trusted reports whether the peer is the user that vigil runs as, or root.
func (p peer) trusted() bool { return p.err == nil && (p.uid == os.Geteuid() || p.uid == 0) }

func peerOf(ctx context.Context) (p peer, onSocket bool) {
	p, onSocket = ctx.Value(peerKey).(peer)
	return p, onSocket
}
