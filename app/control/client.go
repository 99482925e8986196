package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"

	"vigil/internal/errcode"
)

const (
	// maxAnswer bounds the answers that a Client reads.
	maxAnswer = 16 << 20
	// answerTimeout bounds a request; a change waits for the disk.
	answerTimeout = 20 * time.Second
)

// Client asks the vigil that runs on a data directory.
type Client struct {
	dataDir string
	http    http.Client
}

// NewClient returns a client of a data directory. It connects with the first request.
func NewClient(dataDir string) (*Client, error) {
	path, err := SocketPath(dataDir)
	if err != nil {
		return nil, err
	}
	return &Client{dataDir, http.Client{
		Timeout: answerTimeout,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, path) },
		},
	}}, nil
}

// Status returns the state of everything.
func (c *Client) Status(ctx context.Context) (s Status, err error) {
	return s, c.ask(ctx, http.MethodGet, "/v1/status", nil, &s)
}

// Cameras returns the state of all cameras.
func (c *Client) Cameras(ctx context.Context) (all Cameras, err error) {
	return all, c.ask(ctx, http.MethodGet, "/v1/cameras", nil, &all)
}

// Camera returns the state of a camera, with its latest changes.
func (c *Client) Camera(ctx context.Context, name string) (one Camera, err error) {
	return one, c.ask(ctx, http.MethodGet, "/v1/cameras/"+url.PathEscape(name), nil, &one)
}

// Switch changes a camera's switches and returns the camera.
func (c *Client) Switch(ctx context.Context, name string, change ChangeRequest) (one Camera, err error) {
	return one, c.ask(ctx, http.MethodPost, "/v1/cameras/"+url.PathEscape(name)+"/switches", change, &one)
}

// PutCamera adds a camera, or changes the one of that name.
func (c *Client) PutCamera(ctx context.Context, name string, e Edit) (done Edited, err error) {
	return done, c.edit(ctx, http.MethodPut, name, e, &done)
}

// RemoveCamera removes a camera.
func (c *Client) RemoveCamera(ctx context.Context, name string, e Edit) (done Edited, err error) {
	return done, c.edit(ctx, http.MethodDelete, name, e, &done)
}

// OpenAddress returns an address at which a browser is logged in once.
func (c *Client) OpenAddress(ctx context.Context) (o Opened, err error) {
	return o, c.ask(ctx, http.MethodPost, "/api/v1/open", nil, &o)
}

func (c *Client) edit(ctx context.Context, method, name string, e Edit, out *Edited) error {
	path := "http://vigil/v1/cameras/" + url.PathEscape(name)
	if e.Check {
		path += "?check=1"
	}
	req, err := http.NewRequestWithContext(ctx, method, path, bytes.NewReader(e.Settings))
	if err != nil {
		return err
	}
	if e.Revision > 0 {
		req.Header.Set("If-Match", etag(e.Revision))
	}
	return c.send(req, out)
}

// ask sends a request and reads the answer into out.
func (c *Client) ask(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader = http.NoBody
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://vigil"+path, body)
	if err != nil {
		return err
	}
	return c.send(req, out)
}

func (c *Client) send(req *http.Request, out any) error {
	res, err := c.http.Do(req)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return errcode.StoreNotRunning.Wrap(fmt.Errorf("no vigil runs on data_dir %s", c.dataDir))
	case errors.Is(err, fs.ErrPermission):
		return errcode.StoreNotRunning.Wrap(fmt.Errorf(
			"data_dir %s belongs to another user: run this as the user that vigil runs as", c.dataDir))
	case err != nil:
		return fmt.Errorf("ask the vigil on data_dir %s: %w", c.dataDir, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err == nil && res.StatusCode != http.StatusOK {
		return failureOf(res, text)
	}
	if err == nil {
		err = json.Unmarshal(text, out)
	}
	if err != nil {
		return fmt.Errorf("the answer of the vigil on data_dir %s: %w", c.dataDir, err)
	}
	return nil
}

// failureOf is the error of an answer other than 200.
func failureOf(res *http.Response, text []byte) error {
	var f Failure
	if err := json.Unmarshal(text, &f); err != nil || f.Error == "" {
		return fmt.Errorf("the answer is %s: is the vigil that runs an earlier version?", res.Status)
	}
	err := errors.New(f.Error)
	if _, known := errcode.Find(errcode.Code(f.Code)); known {
		err = errcode.Code(f.Code).Wrap(err)
	}
	switch res.StatusCode {
	case http.StatusNotFound, http.StatusBadRequest:
		return Invalid{err}
	case http.StatusConflict:
		return OfFile{err}
	case http.StatusPreconditionFailed:
		return Stale{err}
	}
	return err
}
