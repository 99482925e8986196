// Package client asks a vigil over its API: one that runs on a data directory of this machine, over its Unix socket, or
// one elsewhere, over HTTP with a token.
//
// A request goes out, an answer or an error with a code of the catalogue comes back. The invariants: a token goes to no
// other host than the given one, and not readable over a network unless that is asked for; no error has the token in
// it; and neither a slow nor a talkative server makes a call long or large without a bound.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"vigil/api"
)

const (
	// root is the path of the API.
	root = "/api/v1"
	// maxAnswer bounds an answer other than evidence in bytes.
	maxAnswer = 16 << 20
	// maxEvidence bounds a piece of evidence, twice the largest clip.
	maxEvidence = 512 << 20
	// answerTimeout bounds a request; a change waits for the disk.
	answerTimeout = 20 * time.Second
)

// Options select the vigil to ask.
type Options struct {
	// DataDir is the data directory of one that runs on this machine. It is used if there is no Server.
	DataDir string
	// Server is the URL of one elsewhere.
	Server string
	// Token is what Server asks for; "" for none.
	Token string
	// CA is a file with the certificates that Server's must be signed by, or be one of; "" for those of the system.
	CA string
	// InsecureHTTP permits http to other machines, where the network can read everything, also Token.
	InsecureHTTP bool
}

// Client asks a vigil. It connects with the first request, and may be used by several goroutines.
type Client struct {
	base  string // URL without a path
	where string // as errors name it
	token string
	http  *http.Client
	// dialError describes an error of a request that got no answer.
	dialError func(error) error
}

// New returns a client.
func New(o Options) (*Client, error) {
	if o.Server == "" {
		return newLocal(o.DataDir)
	}
	return newRemote(o)
}

// String names the vigil that is asked, without a password or a token.
func (c *Client) String() string { return c.where }

// request is a request of the API.
type request struct {
	method, path string // below root
	body         any    // sent as JSON; nil for none
	match        string // If-Match; "" for none
	lastEvent    string // Last-Event-ID; "" for none
}

// ask makes a request and decodes the answer into out, which may be nil.
func (c *Client) ask(ctx context.Context, r request, out any) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	res, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := readAll(res.Body, maxAnswer)
	if err != nil {
		return c.readError(err)
	}
	if !c.isJSON(res) || json.Unmarshal(text, out) != nil {
		return c.notVigil(res, text)
	}
	return nil
}

// send makes a request and returns its answer if it was successful. The caller closes it.
func (c *Client) send(ctx context.Context, r request) (*http.Response, error) {
	var body io.Reader = http.NoBody
	if r.body != nil {
		text, err := json.Marshal(r.body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, c.base+root+r.path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.match != "" {
		req.Header.Set("If-Match", r.match)
	}
	if r.lastEvent != "" {
		req.Header.Set("Last-Event-ID", r.lastEvent)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.dialError(err)
	}
	if res.StatusCode >= http.StatusOK && res.StatusCode < http.StatusMultipleChoices {
		return res, nil
	}
	defer res.Body.Close()
	text, err := readAll(res.Body, maxAnswer)
	if err != nil {
		return nil, c.readError(err)
	}
	return nil, c.refusal(res, text)
}

// errTooLong is the error of an answer of more bytes than it may have.
var errTooLong = errors.New("the answer is too long")

// readAll reads at most limit bytes.
func readAll(r io.Reader, limit int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = errTooLong
	}
	return text, err
}

func (c *Client) readError(err error) error { return fmt.Errorf("the answer of %s: %w", c.where, err) }

func (c *Client) isJSON(res *http.Response) bool { return mediaType(res) == "application/json" }

func mediaType(res *http.Response) string {
	t, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	return t
}

// OpenAddress returns an address at which a browser is logged in once. Only a local vigil gives one.
func (c *Client) OpenAddress(ctx context.Context) (o api.OneTimeAddress, err error) {
	return o, c.ask(ctx, request{method: http.MethodPost, path: "/open"}, &o)
}

// Session says on whose behalf the requests are made.
func (c *Client) Session(ctx context.Context) (s api.Session, err error) {
	return s, c.ask(ctx, request{method: http.MethodGet, path: "/session"}, &s)
}
