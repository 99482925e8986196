package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"vigil/api"
	"vigil/api/problem"
	"vigil/internal/errcode"
)

// refusal is the error of an answer that is not a success.
func (c *Client) refusal(res *http.Response, text []byte) error {
	var p problem.Problem
	if mediaType(res) != problem.Type || json.Unmarshal(text, &p) != nil || p.Code == "" {
		return c.notVigil(res, text)
	}
	for _, f := range p.Fields {
		p.Detail += "\n  " + f.At + ": " + f.Detail
	}
	code := errcode.Code(p.Code)
	err := errors.New(p.Detail)
	if res.StatusCode == http.StatusUnauthorized {
		err = c.loginError(p.Detail)
	}
	if _, known := errcode.Find(code); known {
		err = code.Wrap(err)
	}
	switch res.StatusCode {
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge:
		return api.Invalid{Err: err}
	case http.StatusNotFound:
		if code == errcode.CameraUnknown {
			return api.Invalid{Err: err}
		}
	case http.StatusConflict:
		if code == errcode.CameraOfFile {
			return api.OfFile{Err: err}
		}
		return api.Stale{Err: err}
	case http.StatusPreconditionFailed, http.StatusPreconditionRequired:
		return api.Stale{Err: err}
	}
	return err
}

// loginError says how to log in.
func (c *Client) loginError(detail string) error {
	if c.token == "" {
		return fmt.Errorf("%s: %s; give a token in $VIGIL_TOKEN or by --token-file FILE ('vigil token add' on that "+
			"machine makes one)", c.where, detail)
	}
	return fmt.Errorf("%s: the token is wrong, has expired or was revoked; 'vigil token list' on that machine shows "+
		"which there are", c.where)
}

// notVigil is the error of an answer that no vigil of this version gives.
func (c *Client) notVigil(res *http.Response, text []byte) error {
	switch location, err := url.Parse(res.Header.Get("Location")); {
	case res.StatusCode >= http.StatusMultipleChoices && res.StatusCode < http.StatusBadRequest && err == nil &&
		location.Host != "":
		return errcode.ServerNotVigil.Wrap(
			fmt.Errorf("%s refers to %s://%s, which is not followed: give --server with "+
				"that address if it is right", c.where, location.Scheme, location.Host))
	case res.StatusCode == http.StatusBadRequest && strings.Contains(string(text), "HTTP request to an HTTPS server"):
		return errcode.ServerNotVigil.Wrap(fmt.Errorf("%s answers only with TLS: give https://", c.where))
	}
	return errcode.ServerNotVigil.Wrap(fmt.Errorf("%s answers %s, and not as the API does: is it a vigil, and of this "+
		"version?", c.where, res.Status))
}
