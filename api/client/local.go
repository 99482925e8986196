package client

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"syscall"
	"time"

	"vigil/api/socket"
	"vigil/internal/errcode"
)

// socketTimeout bounds the opening of a socket.
const socketTimeout = 2 * time.Second

// newLocal returns a client of the vigil that runs on a data directory.
func newLocal(dataDir string) (*Client, error) {
	path, err := socket.Path(dataDir)
	if err != nil {
		return nil, err
	}
	c := &Client{base: "http://localhost", where: "the vigil on data_dir " + dataDir}
	d := net.Dialer{Timeout: socketTimeout}
	c.http = &http.Client{
		CheckRedirect: noRedirect,
		Transport: &http.Transport{
			DisableKeepAlives: true, MaxResponseHeaderBytes: maxHeader,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return d.DialContext(ctx, "unix", path)
			},
		},
	}
	c.dialError = func(err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
			return errcode.StoreNotRunning.Wrap(fmt.Errorf("no vigil runs on data_dir %s", dataDir))
		case errors.Is(err, fs.ErrPermission):
			return errcode.StoreNotRunning.Wrap(fmt.Errorf(
				"data_dir %s belongs to another user: run this as the user that vigil runs as", dataDir))
		}
		return fmt.Errorf("ask %s: %w", c.where, withoutURL(err))
	}
	return c, nil
}
